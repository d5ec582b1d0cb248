"""Rails: the power that a board takes, by the name of each supply line that it measures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.telemetry.kernel_file import found, integer, text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_INA3221 = "ina3221"
"""TI's chip on Jetsons, which measures voltage and current of three rails. Its further channels are
of shunts and sums, and have no pair."""


def rails(sysfs: Path) -> dict[str, float]:
    """Watts by rail; of rails with one name, as of two graphics cards, the sum.

    As the kernel's hwmon has them: `power*_input` in microwatts, else `in*_input` in millivolts
    times `curr*_input` in milliamperes. Names are the board's own, and each board has others:
    `VDD_IN` (Orin Nano and NX) and `VIN` (AGX Thor) are all that comes in, AGX Orin has no such one.
    """
    watts: dict[str, float] = {}
    for chip in found(sysfs / "class" / "hwmon", "hwmon*"):
        for name, power in _of_chip(chip):
            watts[name] = watts.get(name, 0.0) + power
    return watts


def _of_chip(chip: Path) -> Iterator[tuple[str, float]]:
    kind = text(chip / "name")
    for path in found(chip, "power*_input"):
        microwatts = integer(path)
        if microwatts is not None:
            label = text(path.with_name(path.name.replace("_input", "_label")))
            yield label or kind or chip.name, microwatts / 1e6
    if kind != _INA3221:
        return
    for path in found(chip, "in*_label"):
        number = path.name.removeprefix("in").removesuffix("_label")
        name, millivolts = text(path), integer(chip / f"in{number}_input")
        milliamperes = integer(chip / f"curr{number}_input")
        if name is not None and millivolts is not None and milliamperes is not None:
            yield name, millivolts * milliamperes / 1e6
