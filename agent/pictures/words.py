"""Numbers, names and colours as a plot writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.pictures.palette import RGB

LONG_S = 90.0
"""From here on times are minutes and seconds."""


def duration(seconds: float) -> str:
    """As `12.3 s`, or `1:32 min` where it is long."""
    return f"{minutes(seconds)} min" if seconds > LONG_S else f"{seconds:.1f} s"


def minutes(seconds: float) -> str:
    """As `1:32`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def count(number: int, noun: str) -> str:
    """As `1 frame`, `2 frames`."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def shortened(text: str) -> str:
    """At most 20 characters, the middle left out."""
    return text if len(text) <= 20 else text[:9] + "…" + text[-10:]


def literal(text: str) -> str:
    """Text from outside, with nothing in it that matplotlib takes for a formula."""
    return text.replace("$", r"\$")


def hexadecimal(rgb: RGB) -> str:
    """As `#d62728`."""
    return f"#{bytes(rgb).hex()}"
