"""The names of the reasons for which frames were covered whole, beside their bars in a timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.pictures.palette import ALARM
from agent.pictures.words import count, hexadecimal, literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

_CHARACTER_PX = 7.0


def name_reasons(
    axes: Axes,
    spans: Sequence[tuple[float, float, str]],
    counts: Mapping[str, int],
    end: float,
    plot_px: float,
) -> None:
    """Name each reason once, at its longest span: inside where it fits, else beside it.

    Args:
        axes: the panel, whose second row holds the bars.
        spans: from, to, reason, in units of the panel.
        counts: how many frames were covered whole, by reason.
        end: right end of the panel, in its units.
        plot_px: width of the panel, pixels.
    """
    taken: list[tuple[float, float]] = []
    px = plot_px / end
    for reason, frames in counts.items():
        first, last, _ = max((s for s in spans if s[2] == reason), key=lambda s: s[1] - s[0])
        text = f"{reason} ({count(frames, 'frame')})"
        left, right, wide = first * px, last * px, len(text) * _CHARACTER_PX
        if right - left > wide:
            at, align, colour = (left + right) / 2, "center", "white"
            spot = (left, right)
        elif right + wide < plot_px:
            at, align, colour = right + 4, "left", hexadecimal(ALARM)
            spot = (right, right + wide)
        else:
            at, align, colour = left - 4, "right", hexadecimal(ALARM)
            spot = (left - wide, left)
        if any(spot[0] < other[1] and other[0] < spot[1] for other in taken):
            continue  # the report counts them all
        taken.append(spot)
        name = axes.text(at / px, 1.5, literal(text), color=colour, size=9, ha=align, va="center")
        if colour != "white":
            name.set_bbox({"facecolor": "white", "pad": 1, "linewidth": 0})
