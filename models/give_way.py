"""Give way: what a process does that works for another one, and must be in nobody's way."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_NICENESS = 10
_OOM_SCORE = "800"
"""Of 1000. Chosen, not measured: far above what any service of a device has."""


def end_with_parent() -> None:
    """End with the thread that started this process, wherever it hangs."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def give_way() -> None:
    """End with the thread that started this process; be nice, and the first to go without memory."""
    end_with_parent()
    os.nice(_NICENESS)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)
