"""Machine: what its files say that it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from agent.telemetry.hardware import Hardware
from agent.telemetry.sensors import Sensors

_JETPACK = {32: 4, 34: 5, 35: 5, 36: 6, 38: 7, 39: 7}
"""By the major version of Jetson Linux that each brings."""

_PRETTY_NAME = re.compile(r'^PRETTY_NAME="?([^"\n]+)', re.MULTILINE)
_MINOR = re.compile(r"python3\.(\d+)$")
_DRIVER = re.compile(r"^NVRM version:.*?\s(\d+(?:\.\d+)+)\s", re.MULTILINE)

_NVIDIA = "0x10de"
"""The maker's number on PCI."""

_DISPLAYS = "0x03"
"""How the class of a PCI device begins that makes pictures, or computes as if."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine, or a folder that looks like its file system.

    Attributes:
        root: of the file system.
    """

    root: Path = Path("/")

    @property
    def hardware(self) -> Hardware:
        """What it is."""
        return Hardware(
            self.root / "proc/device-tree/model",
            self.root / "proc/cpuinfo",
            self.root / "etc/nv_tegra_release",
        )

    @property
    def sensors(self) -> Sensors:
        """How warm it is, and what it takes."""
        return Sensors(
            self.root / "sys",
            self.root / "var/lib/nvpmodel/status",
            self.root / "etc/nvpmodel.conf",
        )

    @property
    def system(self) -> str:
        """The distribution's name and version."""
        found = _PRETTY_NAME.search(self.text("etc/os-release"))
        return found[1] if found else "an unknown system"

    @property
    def jetpack(self) -> int | None:
        """Its major version on a Jetson; None elsewhere, and on one that is newer than this."""
        l4t = self.hardware.l4t()
        return _JETPACK.get(int(l4t.partition(".")[0])) if l4t else None

    @property
    def is_jetson(self) -> bool:
        """Whether Jetson Linux runs here."""
        return self.hardware.l4t() is not None

    @property
    def has_nvidia_gpu(self) -> bool:
        """Whether there is a GPU that CUDA is for, with a driver or without."""
        return self.is_jetson or any(
            self.text(f"sys/bus/pci/devices/{device.name}/vendor").strip() == _NVIDIA
            and self.text(f"sys/bus/pci/devices/{device.name}/class").startswith(_DISPLAYS)
            for device in self.found("sys/bus/pci/devices/*")
        )

    @property
    def driver(self) -> str | None:
        """Version of NVIDIA's kernel driver; None where none is loaded."""
        found = _DRIVER.search(self.text("proc/driver/nvidia/version"))
        return found[1] if found else None

    @property
    def python(self) -> tuple[int, int] | None:
        """Version of the distribution's Python, which its packages are for."""
        link = self.root / "usr/bin/python3"
        try:
            found = _MINOR.search(link.readlink().name)
        except OSError:
            return None
        return (3, int(found[1])) if found else None

    def has_module(self, name: str) -> bool:
        """Whether a package of the distribution brings this Python module."""
        folders = ("usr/lib/python3/dist-packages", "usr/lib/python3.*/dist-packages")
        return any(self.found(f"{folder}/{name}") for folder in folders)

    def found(self, pattern: str) -> list[Path]:
        """Paths that match, in the order of their names."""
        try:
            return sorted(self.root.glob(pattern))
        except OSError:  # something went away meanwhile
            return []

    def text(self, path: str) -> str:
        """A file's; empty where it can't be read."""
        try:
            return (self.root / path).read_text("utf-8", "replace")
        except OSError:
            return ""
