"""Resident: how much memory this process has in use, and whether that is too much."""

from __future__ import annotations

import os
from pathlib import Path


def resident_bytes() -> int:
    """Bytes of memory that are in use now; 0 where this system doesn't say."""
    try:
        pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def over_memory(most: int | None) -> str | None:
    """Why this process should begin anew; None while its memory is within `limits.memory`."""
    if most is None or (used := resident_bytes()) <= most:
        return None
    return f"{used >> 20} MiB of memory are in use, and limits.memory is {most >> 20} MiB"
