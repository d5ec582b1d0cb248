"""Whether there is anything of a GPU's to be tried."""

from __future__ import annotations

import ctypes


def has_driver() -> bool:
    """Whether there is the library through which all of a GPU that we know is reached."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def is_usual(asked: str) -> bool:
    """Whether what was asked for is FFmpeg's own on the CPU, without a trial of anything else.

    What tries the others takes 0.02 s to import, which no start need wait for where this is true.
    """
    return asked == "pyav" or (asked == "auto" and not has_driver())
