"""Silence: what libraries send or leave behind unasked, switched off before any is imported.

`agent`, `distill` and `models` import this before anything else, so no order of our own imports
gets past it. A program that imports ONNX Runtime before any of them has to set its switch itself.
"""

from __future__ import annotations

import atexit
import os
import shutil
from pathlib import Path

_SWITCHES = {
    # ONNX Runtime 1.29 and later report every run on Linux to its maker, and keep a device's id
    # and a database under ~/.cache. Once it is imported it is too late.
    "ORT_DISABLE_TELEMETRY": "1",
    # Pydantic looks for plugins in all that is installed, and would have them see every document.
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
    # Ultralytics sends statistics, asks for newer versions and installs packages.
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
}

_FOLDERS = {
    # Matplotlib's list of fonts: made anew in each process that draws.
    "MPLCONFIGDIR": "matplotlib",
    # PyTorch makes this one when it is imported, though nothing is compiled here.
    "TORCHINDUCTOR_CACHE_DIR": "torchinductor",
}
"""Caches in the home or among temporary files, unless a person has named a place for them."""

_OWN_FOLDERS = {
    # Ultralytics' settings decide which services a training is reported to, so nobody else's count.
    "YOLO_CONFIG_DIR": "ultralytics",
}


def _be_silent() -> None:
    # Made by who needs it. `tempfile` would try to write first, and fail where nothing may be
    # written, though nothing is needed there.
    place = Path(os.environ.get("TMPDIR") or "/tmp", f"sfumato-{os.urandom(8).hex()}")  # noqa: S108
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    os.environ.update(_SWITCHES)
    os.environ.update({variable: str(place / name) for variable, name in _OWN_FOLDERS.items()})
    for variable, name in _FOLDERS.items():
        os.environ.setdefault(variable, str(place / name))


_be_silent()
