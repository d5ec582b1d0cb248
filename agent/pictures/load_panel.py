"""The lowest panel of a timeline: how busy each stage was while frames went by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import FuncFormatter

from agent.pictures.panel import FAINT, INK, at_right
from agent.pictures.words import LONG_S, minutes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from matplotlib.axes import Axes

    from agent.run_report import RunReport


def draw_load(
    axes: Axes,
    key: Axes,
    report: RunReport,
    edges: Sequence[float],
    shares: npt.NDArray[np.float64],
) -> None:
    """Draw a row of colours for each stage.

    Args:
        axes: the panel.
        key: where it is said what the colours mean.
        report: the run.
        edges: T + 1 times, seconds, or frames where the frame rate is unknown.
        shares: between two edges, busy 0 to 1, [T, stages].
    """
    stages = report.stages
    axes.grid(visible=False)
    axes.set_ylim(len(stages), 0)
    axes.set_yticks(
        [row + 0.5 for row in range(len(stages))], [f"{stage.name} busy" for stage in stages]
    )
    for row, (label, stage) in enumerate(zip(axes.get_yticklabels(), stages, strict=True)):
        weight = "bold" if stage.name == report.bottleneck else "normal"
        label.set_fontweight(weight)
        at_right(axes, row + 0.5, f"{stage.load:.0%}", color=INK, weight=weight)
    heat = LinearSegmentedColormap.from_list("busy", ["#f3f5f8", "#9cc4ea", "#1f5fae"])
    axes.pcolormesh(
        edges, np.arange(len(stages) + 1), shares.T, cmap=heat, vmin=0, vmax=1, linewidth=0
    )
    axes.hlines(np.arange(1, len(stages)), 0, edges[-1], color="white", linewidth=2)
    key.imshow(np.linspace(0, 1, 64)[None], cmap=heat, aspect="auto")
    key.set_axis_off()
    for word, x, off, align in (("idle", 0, -6, "right"), ("busy", 1, 6, "left")):
        key.annotate(
            word, (x, 0.5), (off, 0), "axes fraction", "offset points",
            size=9, color=FAINT, ha=align, va="center",
        )  # fmt: skip
    _name_time(axes, edges[-1], in_seconds=report.input.frame_rate is not None)


def _name_time(axes: Axes, end: float, *, in_seconds: bool) -> None:
    axes.tick_params(labelbottom=True, pad=5)
    name = "video time (s)" if in_seconds else "frame (the frame rate is not known)"
    if in_seconds and end > LONG_S:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: minutes(seconds)))
        name = "video time (min:s)"
    axes.set_xlabel(name, size=9, color=FAINT)
