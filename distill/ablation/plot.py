"""Plot of an ablation: a dot for each seed, a line through the means, the teacher above."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distill.evaluate.curves import COLOURS, DPI, INK, style
from distill.files import writing
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from distill.ablation.ablation import ArmResult


def draw_ablation(path: Path, results: Sequence[ArmResult], teacher: float) -> None:
    """Write the picture.

    Args:
        path: a PNG.
        results: in the order of `ARMS`.
        teacher: its mask mAP.

    Raises:
        OutputError: the file can't be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 half a second
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(8, 4.6), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    style(axes, "What each arm is worth", "", "mask mAP, %")
    places = range(len(results))
    axes.axhline(100 * teacher, color=INK, ls="--", lw=1.2)
    axes.annotate("the teacher", (0, 100 * teacher), (0, 4), textcoords="offset points")
    axes.plot(places, [100 * result.mean() for result in results], color=COLOURS[0], lw=2)
    for x, result in zip(places, results, strict=True):
        values = [100 * value for value in result.values()]
        axes.plot([x] * len(values), values, "o", color=COLOURS[0], ms=6, alpha=0.7)
        axes.annotate(
            f"{100 * result.mean():.1f}", (x, max(values)), (0, 7), textcoords="offset points"
        )
    axes.set_xticks(places, [result.arm.adds.split(" (")[0] for result in results])
    values = [100 * value for result in results for value in result.values()] + [100 * teacher]
    axes.set_ylim(max(0, min(values) - 5), max(values) + 5)
    axes.set_xlim(-0.4, len(results) - 0.6)
    with writing(path), whole_file(path) as file:
        figure.savefig(file, format="png", dpi=DPI)
