"""Ultralytics, imported so that it reports, fetches and installs nothing, and leaves PIL as it is.

Import this before anything of theirs. It logs to stderr, as we do. What it reads from the
environment is set in `models.silence`.
"""

from __future__ import annotations

import logging
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

import PIL.Image

if TYPE_CHECKING:
    from pathlib import Path

_opens = PIL.Image.open
logging.disable(logging.INFO)  # its settings are new each time, which it would tell each time
with redirect_stdout(sys.stderr):  # its logger goes on writing to what it finds
    from ultralytics.utils import SETTINGS, checks
logging.disable(logging.NOTSET)

PIL.Image.open = _opens  # it puts in its own, which installs packages for what it can't read

# Each of its switches is for a service that hears of a training, or for an advertisement.
SETTINGS.update({name: False for name, value in SETTINGS.items() if value is True})


def _no_font(_font: str = "") -> Path | None:
    """What theirs gives where it can't fetch Arial from the network: PIL has a font, too."""
    return None


checks.check_font = _no_font
