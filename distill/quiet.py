"""Ultralytics, imported so that it installs and reports nothing, and leaves PIL as it is.

Import this before anything of theirs. It logs to stderr, as we do.
"""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout

import PIL.Image

# Read when it is first imported.
os.environ.setdefault("YOLO_OFFLINE", "true")
os.environ.setdefault("YOLO_AUTOINSTALL", "false")

_opens = PIL.Image.open
with redirect_stdout(sys.stderr):  # its logger goes on writing to what it finds
    import ultralytics.utils  # noqa: F401 after the settings above

PIL.Image.open = _opens  # it puts in its own, which installs packages for what it can't read
