"""CPU: what this machine's processor calls itself, and the instructions it says it has."""

from __future__ import annotations

import platform
from pathlib import Path

_KNOWN = ("model name", "flags", "CPU implementer", "CPU part", "Features")
"""Lines of /proc/cpuinfo that tell one processor from another, on x86 and on ARM."""


def cpu_identity(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """What stays the same as long as code runs equally fast: the processor and its instructions.

    Args:
        cpuinfo: Linux' description, a block a core, of which the first is read; where there is
            none, what Python knows.
    """
    found: list[str] = []
    try:
        with cpuinfo.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:  # read in pieces, so that a hundred cores cost no more than one
                if not line.strip() and found:
                    break
                if line.startswith(_KNOWN):
                    found.append(" ".join(line.split()))
    except OSError:
        pass
    return "\n".join(found) or f"{platform.machine()} {platform.processor()}"
