"""Sensors: how warm the device is, what it takes, whether it slows itself down, its power mode."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from agent.telemetry.kernel_file import found, integer, text
from agent.telemetry.rails import rails

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.telemetry.nvml import Nvml

_THROTTLES = re.compile(r"cpufreq|devfreq|throttle|^Processor$")
"""Cooling devices that slow the chip down, by the names that the kernel's cpufreq and devfreq
cooling, ACPI and Jetson's `*-throttle-alert` give them. The others are fans and chargers."""

_POWER_MODEL = re.compile(r"^<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+)\s*>", re.MULTILINE)
_PMODE = re.compile(r"\bpmode:(\d+)")


@dataclass(frozen=True, slots=True)
class Readings:
    """What the sensors say; what a device doesn't have is missing.

    Attributes:
        celsius: temperature by the name of its thermal zone, the hottest of those with one name.
        watts: power by the name of its rail, as the board names it.
        throttled: whether the chip is slowed down now, by what slows it.
        throttle_events: how often it was since boot, by cause: a Jetson's over-current alarms
            (`oc1` is under-voltage, `oc2` the average current, `oc3` its peaks, on Orin) or a PC's
            `cpu_package`.
        power_mode: a Jetson's nvpmodel, else ACPI's platform profile.
    """

    celsius: Mapping[str, float] = field(default_factory=dict)
    watts: Mapping[str, float] = field(default_factory=dict)
    throttled: Mapping[str, bool] = field(default_factory=dict)
    throttle_events: Mapping[str, int] = field(default_factory=dict)
    power_mode: str | None = None


@dataclass(frozen=True, slots=True)
class Sensors:
    """The files that hold them.

    Attributes:
        nvpmodel: the power mode that a Jetson was put into, which it keeps over a boot.
        nvpmodel_conf: the modes that this Jetson has, with their names.
        nvml: asked as well, for graphics cards; None: it isn't.
    """

    sysfs: Path = Path("/sys")
    nvpmodel: Path = Path("/var/lib/nvpmodel/status")
    nvpmodel_conf: Path = Path("/etc/nvpmodel.conf")
    nvml: Nvml | None = None

    def read(self) -> Readings:
        """Read them all; what is absent or can't be read is left out."""
        thermal = self.sysfs / "class" / "thermal"
        zones = _by_type(thermal, "thermal_zone*", "temp")
        cooling = _by_type(thermal, "cooling_device*", "cur_state")
        return Readings(
            celsius={
                **{zone: millidegrees / 1000 for zone, millidegrees in zones.items()},
                **(self.nvml.celsius() if self.nvml else {}),
            },
            watts={**rails(self.sysfs), **(self.nvml.watts() if self.nvml else {})},
            throttled={
                name: state > 0 for name, state in cooling.items() if _THROTTLES.search(name)
            },
            throttle_events=dict(self._throttle_events()),
            power_mode=self._power_mode(),
        )

    def _throttle_events(self) -> Iterator[tuple[str, int]]:
        for path in found(self.sysfs, "class/hwmon/hwmon*/oc*_event_cnt"):
            count = integer(path)
            if count is not None:
                yield path.name.partition("_")[0], count
        packages = found(
            self.sysfs, "devices/system/cpu/cpu*/thermal_throttle/package_throttle_count"
        )
        counts = [count for count in map(integer, packages) if count is not None]
        if counts:  # every core of a package says the same
            yield "cpu_package", max(counts)

    def _power_mode(self) -> str | None:
        chosen = _PMODE.search(text(self.nvpmodel) or "")
        if chosen is None:
            return text(self.sysfs / "firmware" / "acpi" / "platform_profile")
        names: dict[str, str] = dict(_POWER_MODEL.findall(text(self.nvpmodel_conf) or ""))
        number = str(int(chosen[1]))  # the status has leading zeros
        return names.get(number, number)


def _by_type(folder: Path, pattern: str, name: str) -> dict[str, int]:
    """A value of each of the kernel's objects by its type, the largest of one type."""
    values: dict[str, int] = {}
    for each in found(folder, pattern):
        kind, value = text(each / "type"), integer(each / name)
        if kind is not None and value is not None:
            values[kind] = max(value, values.get(kind, value))
    return values
