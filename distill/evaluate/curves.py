"""Curves: precision over recall, and F1 over confidence, as a PNG."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from distill.evaluate.average_precision import RECALLS
from distill.files import writing
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from distill.evaluate.average_precision import Quality
    from distill.evaluate.metrics import Evaluation

INK, FAINT = "#1d2733", "#d8dde3"
COLOURS = ("#1f6fb4", "#d9542b", "#2f9e63", "#8a5cc2", "#c79a12", "#2ba3b8", "#b8447f", "#6b7683")
MAX_CLASSES = len(COLOURS)
DPI = 150


def draw_curves(path: Path, names: Sequence[str], evaluations: Sequence[Evaluation]) -> None:
    """Write the picture; one network shows its classes, several show their means.

    Raises:
        OutputError: the file can't be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 half a second
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(11, 4.9), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    masked = all(evaluation.mask for evaluation in evaluations)
    title = f"Precision and recall of {'masks' if masked else 'boxes'} at IoU 0.50"
    style(left, title, "recall", "precision")
    style(right, "F1 and confidence", "confidence", "F1")
    for number, (name, evaluation) in enumerate(zip(names, evaluations, strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        quality = evaluation.mask if masked and evaluation.mask else evaluation.box
        if len(evaluations) == 1:
            _by_class(left, evaluation, quality)
            colour = INK
        label = name if len(evaluations) > 1 else "all classes"
        left.plot(RECALLS, _mean(quality), color=colour, lw=2.6, label=_named(label, quality.ap50))
        _f1(right, evaluation, colour, name if len(evaluations) > 1 else None)
    for axes in (left, right):
        lines, words = axes.get_legend_handles_labels()
        if lines:
            # The last that was drawn is the first to be read.
            order = slice(None, None, -1 if len(evaluations) == 1 else 1)
            box = axes.legend(lines[order], words[order], fontsize=8.5, loc="upper right")
            box.get_frame().set(facecolor="white", edgecolor="none", alpha=0.85)
    with writing(path), whole_file(path) as file:
        figure.savefig(file, format="png", dpi=DPI)


def _by_class(axes: Any, evaluation: Evaluation, quality: Quality) -> None:
    """The classes with the most objects in colour, the rest in grey."""
    order = sorted(
        (i for i, count in enumerate(evaluation.objects) if count),
        key=lambda i: -evaluation.objects[i],
    )
    if len(order) < 2:
        return
    for rank, i in reversed(list(enumerate(order))):
        coloured = rank < MAX_CLASSES
        axes.plot(
            RECALLS,
            quality.precision[i],
            color=COLOURS[rank] if coloured else FAINT,
            lw=1.3 if coloured else 0.9,
            alpha=0.85,
            label=_named(evaluation.classes[i], quality.class_ap50[i]) if coloured else None,
        )


def _f1(axes: Any, evaluation: Evaluation, colour: str, name: str | None) -> None:
    score, f1 = evaluation.scores.f1_curve()
    axes.plot(score, f1, color=colour, lw=2.2, label=name)
    working, best = evaluation.working, evaluation.best
    axes.axvline(working.confidence, color=FAINT, lw=1.2, zorder=0)
    if best is None:
        axes.text(0.5, 0.5, "nothing was right", ha="center", color=INK, fontsize=11)
        return
    axes.plot([working.confidence], [working.f1], "o", color="white", mec=colour, mew=2, ms=7)
    axes.plot([best.confidence], [best.f1], "o", color=colour, ms=7)
    if name is not None:
        return
    works = f"at {working.confidence:g}: {working.f1:.3f}"
    if abs(best.confidence - working.confidence) < 0.1:
        works = f"{works}, best at {best.confidence:.2f}: {best.f1:.3f}"
    else:
        _note(axes, best.confidence, best.f1, f"best at {best.confidence:.2f}: {best.f1:.3f}", 10)
    _note(axes, working.confidence, working.f1, works, 10)


def _note(axes: Any, x: float, y: float, text: str, rise: int) -> None:
    side = "left" if x < 0.5 else "right"
    axes.annotate(
        text,
        (x, y),
        (8 if x < 0.5 else -8, rise),
        textcoords="offset points",
        ha=side,
        color=INK,
        fontsize=9,
    )


def style(axes: Any, title: str, x: str, y: str) -> None:
    """A plain square from 0 to 1, its title on the left."""
    axes.set_title(title, loc="left", fontsize=11, color=INK, pad=10)
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.03)
    axes.grid(color=FAINT, lw=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=9, length=0)
    for side in axes.spines.values():
        side.set_visible(False)


def _mean(quality: Quality) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing is no line
        return np.asarray(np.nanmean(quality.precision, axis=0))


def _named(name: str, value: float) -> str:
    return f"{name}  {value:.3f}" if value == value else name  # noqa: PLR0124  NaN is not itself
