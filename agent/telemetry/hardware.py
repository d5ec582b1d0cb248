"""Hardware: what a device is, and which release of Jetson Linux it runs."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from pathlib import Path

_RELEASE = re.compile(r"^# R(\d+) \(release\), REVISION: ([\d.]+)", re.MULTILINE)
"""As the first line of /etc/nv_tegra_release has it: # R36 (release), REVISION: 4.3, GCID: ..."""
_CPU = re.compile(r"^(?:model name|Model|Hardware)\s*:\s*(.*\S)", re.MULTILINE)
"""As /proc/cpuinfo names a PC's processor, a Raspberry Pi, and some other boards."""

_MOST_BYTES = 64 * 1024
"""Of a file. Chosen, not measured: the first processor of /proc/cpuinfo stands in its first 2 KiB."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """The files that tell.

    Attributes:
        device_tree: the board's name, on boards that have a device tree.
        cpuinfo: of the kernel.
        tegra_release: of Jetson Linux.
    """

    device_tree: Path = Path("/proc/device-tree/model")
    cpuinfo: Path = Path("/proc/cpuinfo")
    tegra_release: Path = Path("/etc/nv_tegra_release")

    def name(self) -> str:
        """The board's, else the processor's, else its architecture's."""
        if board := _text(self.device_tree).rstrip("\0").strip():
            return board
        found = _CPU.search(_text(self.cpuinfo))
        return " ".join(found[1].split()) if found else platform.machine()

    def l4t(self) -> str | None:
        """Release of Jetson Linux, as in 36.4.3; None elsewhere."""
        found = _RELEASE.search(_text(self.tegra_release))
        return f"{found[1]}.{found[2]}" if found else None


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
