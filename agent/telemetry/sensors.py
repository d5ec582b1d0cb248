"""Sensors: how warm the device is, whether it slows itself down, and its power mode."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_THROTTLES = re.compile(r"cpufreq|devfreq|throttle|^Processor$")
"""Cooling devices that slow the chip down, by the names that the kernel's cpufreq and devfreq
cooling, ACPI and Jetson's `*-throttle-alert` give them. The others are fans and chargers."""

_POWER_MODEL = re.compile(r"^<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+)\s*>", re.MULTILINE)
_PMODE = re.compile(r"\bpmode:(\d+)")

_MOST_BYTES = 64 * 1024
"""Of a file. Chosen, not measured: NVIDIA's largest nvpmodel.conf has about 30 KiB."""


@dataclass(frozen=True, slots=True)
class Readings:
    """What the sensors say; what a device doesn't have is missing.

    Attributes:
        celsius: temperature by the name of its thermal zone, the hottest of those with one name.
        throttled: whether the chip is slowed down now, by what slows it.
        throttle_events: how often it was since boot, by cause: a Jetson's over-current alarms
            (`oc1` is under-voltage, `oc2` the average current, `oc3` its peaks, on Orin) or a PC's
            `cpu_package`.
        power_mode: a Jetson's nvpmodel, else ACPI's platform profile.
    """

    celsius: Mapping[str, float] = field(default_factory=dict)
    throttled: Mapping[str, bool] = field(default_factory=dict)
    throttle_events: Mapping[str, int] = field(default_factory=dict)
    power_mode: str | None = None


@dataclass(frozen=True, slots=True)
class Sensors:
    """The files that hold them.

    Attributes:
        nvpmodel: the power mode that a Jetson was put into, which it keeps over a boot.
        nvpmodel_conf: the modes that this Jetson has, with their names.
    """

    sysfs: Path = Path("/sys")
    nvpmodel: Path = Path("/var/lib/nvpmodel/status")
    nvpmodel_conf: Path = Path("/etc/nvpmodel.conf")

    def read(self) -> Readings:
        """Read them all; what is absent or can't be read is left out."""
        thermal = self.sysfs / "class" / "thermal"
        zones = _by_type(thermal, "thermal_zone*", "temp")
        cooling = _by_type(thermal, "cooling_device*", "cur_state")
        return Readings(
            celsius={zone: millidegrees / 1000 for zone, millidegrees in zones.items()},
            throttled={
                name: state > 0 for name, state in cooling.items() if _THROTTLES.search(name)
            },
            throttle_events=dict(self._throttle_events()),
            power_mode=self._power_mode(),
        )

    def _throttle_events(self) -> Iterator[tuple[str, int]]:
        for path in _found(self.sysfs, "class/hwmon/hwmon*/oc*_event_cnt"):
            count = _integer(path)
            if count is not None:
                yield path.name.partition("_")[0], count
        packages = _found(
            self.sysfs, "devices/system/cpu/cpu*/thermal_throttle/package_throttle_count"
        )
        counts = [count for count in map(_integer, packages) if count is not None]
        if counts:  # every core of a package says the same
            yield "cpu_package", max(counts)

    def _power_mode(self) -> str | None:
        chosen = _PMODE.search(_text(self.nvpmodel) or "")
        if chosen is None:
            return _text(self.sysfs / "firmware" / "acpi" / "platform_profile")
        names: dict[str, str] = dict(_POWER_MODEL.findall(_text(self.nvpmodel_conf) or ""))
        number = str(int(chosen[1]))  # the status has leading zeros
        return names.get(number, number)


def _by_type(folder: Path, pattern: str, name: str) -> dict[str, int]:
    """A value of each of the kernel's objects by its type, the largest of one type."""
    found: dict[str, int] = {}
    for each in _found(folder, pattern):
        kind, value = _text(each / "type"), _integer(each / name)
        if kind is not None and value is not None:
            found[kind] = max(value, found.get(kind, value))
    return found


def _found(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except OSError:  # a device went away meanwhile
        return []


def _integer(path: Path) -> int | None:
    try:
        return int(_text(path) or "")
    except ValueError:
        return None


def _text(path: Path) -> str | None:
    """A small file's text; None where it can't be read.

    By descriptor: a Jetson's zones that are switched off answer EAGAIN, which Python's own files
    take for "nothing yet" and answer with a TypeError. And nothing here may wait.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return os.read(descriptor, _MOST_BYTES).decode("utf-8", "replace").strip() or None
    except OSError:
        return None
    finally:
        os.close(descriptor)
