"""Ultralytics, imported so that it fetches, installs, reports and patches nothing.

Import this before anything of theirs.
"""

from __future__ import annotations

import os

import PIL.Image

# Read when it is first imported.
os.environ.setdefault("YOLO_OFFLINE", "true")
os.environ.setdefault("YOLO_AUTOINSTALL", "false")

_opens = PIL.Image.open
import ultralytics.utils  # noqa: E402, F401 after the settings above

PIL.Image.open = _opens  # it puts in its own, which installs packages for what it can't read
