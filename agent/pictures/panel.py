"""What the panels of a timeline have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, FAINT, GRID = "#24292f", "#6e7781", "#d8dee4"


def at_right(axes: Axes, row: float, text: str, **look: Any) -> None:
    """Write beside the right end of a row of a panel."""
    look = {"color": FAINT, "size": 9, **look}
    axes.annotate(
        text, (1, row), (8, 0), ("axes fraction", "data"), "offset points", va="center", **look
    )
