"""What a person reads of a fleet: tables, times, and words that devices chose."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from agent.cli.printable import printable
from agent.control.messages import DEVICE_PATTERN
from agent.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def when(ts: float | None) -> str:
    """A Unix time as this machine's clock would show it; `-` if there is none."""
    if ts is None:
        return "-"
    try:
        return datetime.fromtimestamp(ts).astimezone().isoformat(" ", "seconds")[:19]
    except (ValueError, OverflowError, OSError):  # a device may say anything
        return "?"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns as wide as their words, without a line's end behind the last row."""
    cells = [[*head], *([printable(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def check_devices(names: Iterable[str]) -> None:
    """Refuse what can't be a device's name.

    Raises:
        UsageError: one of them is none.
    """
    import re

    for name in names:
        if not re.fullmatch(DEVICE_PATTERN, name) or name == "groups":
            raise UsageError(
                f"{name}: no device's name; they are of a-z, 0-9 and -, 64 characters at most"
            )
