"""FalseClock: what a process believes the time to be, which a test may set while it runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).parents[2]

NEEDED = pytest.mark.skipif(
    shutil.which("faketime") is None, reason="needs faketime, to lie about time"
)


def faked(**more: str) -> dict[str, str]:
    """The environment in which wall time is what libfaketime says; other clocks are left alone."""
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    keep = {"DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    return {"LD_PRELOAD": str(library), **keep, **more}


def days_ago(days: int) -> Callable[[Sequence[str]], int]:
    """Runs commands of `sfumato` of which everybody believes that it is so long ago.

    Not by the program `faketime`: killed processes leave semaphores named by their numbers, and it
    gives up where one has its own number; the library does without.
    """
    environment = {**os.environ, **faked(FAKETIME=f"-{days}d"), "PYTHONPATH": str(ROOT)}

    def run(words: Sequence[str]) -> int:
        command = [sys.executable, "-m", "agent", *words]
        return subprocess.run(command, env=environment, check=False, timeout=120).returncode

    return run


@final
class FalseClock:
    """Wrong by an offset that stands in a file; right at first.

    Attributes:
        environment: of the process that goes by it.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.environment = faked(FAKETIME_TIMESTAMP_FILE=str(file), FAKETIME_NO_CACHE="1")
        self.be_wrong_by(0)

    def be_wrong_by(self, offset_s: int) -> None:
        """From now on; in one stroke, for it is read all the time."""
        part = self._file.with_suffix(".part")
        part.write_text(f"{offset_s:+d}")
        part.replace(self._file)

    def say(self, unix_s: int) -> None:
        """It is this Unix time now."""
        self.be_wrong_by(unix_s - round(time.time()))
