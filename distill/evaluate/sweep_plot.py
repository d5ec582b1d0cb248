"""Sweep plot: what leaks over what is hidden in vain, and both over the threshold, as a PNG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distill.evaluate.curves import COLOURS, DPI, FAINT, INK, MAX_CLASSES, style
from distill.files import writing
from models.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path

    from distill.evaluate.leak import Leaks
    from distill.evaluate.sweep import Curve, Sweep

_MIN_PERCENT = 0.1
"""Below this an axis of per cent is linear, so that it can show none at all; chosen."""

_TICKS = (0, 0.1, 0.3, 1, 3, 10, 30, 100)


def draw_sweep(path: Path, found: Sweep, leaks: Leaks) -> None:
    """Write the picture: full dots are proposals, rings the thresholds as they are.

    Raises:
        OutputError: the file can't be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 half a second
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(11, 4.9), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    style(left, "Pixel leak against over-redaction", "hidden in vain, % of the picture", "leak %")
    style(right, "Pixel leak (line) and over-redaction (dots)", "threshold", "%")
    _scale_percent(left.set_xscale, left.set_xlim, left.xaxis)
    for axes in (left, right):
        _scale_percent(axes.set_yscale, axes.set_ylim, axes.yaxis)
    names = list(found.curves)
    order = sorted(
        (i for i in range(len(names)) if leaks.by_class[i].pixels),
        key=lambda i: -leaks.by_class[i].pixels,
    )
    for rank, i in reversed(list(enumerate(order))):
        named = rank < MAX_CLASSES
        marks = (leaks.thresholds[i], found.thresholds.get(names[i]))
        _draw_class(
            (left, right),
            found.curves[names[i]],
            marks,
            COLOURS[rank] if named else FAINT,
            names[i] if named else None,
        )
    if not order:
        left.text(0.5, 0.5, "nothing to hide", ha="center", color=INK, transform=left.transAxes)
    else:
        left.plot([], [], "o", color="white", mec=INK, mew=2, ms=8, label="as it is")
        left.plot([], [], "o", color=INK, ms=7, label="proposed")
        left.legend(fontsize=8.5, loc="upper right", facecolor="white", edgecolor="none")
    with writing(path), whole_file(path) as file:
        figure.savefig(file, format="png", dpi=DPI)


def _draw_class(
    halves: tuple[Any, Any],
    curve: Curve,
    marks: tuple[float, float | None],
    colour: str,
    name: str | None,
) -> None:
    """One class's curves, with its threshold as it is and as proposed; no name, no words."""
    left, right = halves
    thresholds = [threshold for threshold, _ in curve]
    shows = [100 * leak.pixel_leak for _, leak in curve]
    over = [100 * leak.over_redaction for _, leak in curve]
    left.plot(over, shows, color=colour, lw=2, label=name)
    right.plot(thresholds, shows, color=colour, lw=2)
    right.plot(thresholds, over, ":", color=colour, lw=1.6)
    for threshold, inside in zip(marks, ("white", colour), strict=True):
        if threshold is not None:
            at = thresholds.index(threshold)
            dot = {"marker": "o", "color": inside, "mec": colour, "mew": 2, "ms": 7}
            left.plot([over[at]], [shows[at]], **dot)
            right.plot([threshold], [shows[at]], **dot)
    if marks[1] is not None and name is not None:
        at = thresholds.index(marks[1])
        beside = {"xytext": (7, 6), "textcoords": "offset points", "fontsize": 9}
        left.annotate(f"{marks[1]:g}", (over[at], shows[at]), color=colour, **beside)


def _scale_percent(set_scale: Any, set_limits: Any, axis: Any) -> None:
    """Per cent, each power of ten as wide as the next, down to none at all."""
    set_scale("symlog", linthresh=_MIN_PERCENT, linscale=0.5)
    set_limits(0, 100)
    axis.set_ticks(_TICKS, [f"{tick:g}" for tick in _TICKS])
    axis.set_ticks([], minor=True)
