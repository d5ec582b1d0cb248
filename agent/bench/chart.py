"""Chart: how long each network took, and how busy a clip's stages were, in one picture."""

from __future__ import annotations

import io
import textwrap
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from agent.bench.table import machine_line
from agent.pictures.palette import class_colours
from agent.pictures.panel import FAINT, GRID, INK, at_right
from agent.pictures.words import hexadecimal, literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from agent.bench.bench_report import BenchReport, ClipPart, NetworkPart

_DPI = 100
_WIDTH_IN, _LEFT_IN, _RIGHT_IN = 12.0, 3.2, 1.6
_ROW_IN = 0.3


def chart(report: BenchReport) -> bytes:
    """A PNG 1200 pixels wide.

    Each network is a bar as long as half of its runs took at most, and a line up to what 99 of 100
    did, with a mark where half were done by the GPU's own events; beside it, images a second. Under
    it, how busy the stages of the clip's run were.
    """
    heights_in = [max(len(report.networks), 1) * _ROW_IN]
    if report.clip is not None:
        heights_in.append(len(report.clip.stages) * _ROW_IN)
    top_in, gap_in, bottom_in = 1.3, 1.1, 0.6
    height_in = top_in + sum(heights_in) + gap_in * (len(heights_in) - 1) + bottom_in
    figure = Figure(figsize=(_WIDTH_IN, height_in), dpi=_DPI, facecolor="white")
    left = 0.3 / _WIDTH_IN
    figure.text(left, 1 - 0.45 / height_in, "sfumato bench", size=16, weight="bold", color=INK)
    figure.text(
        left, 1 - 0.65 / height_in, literal(textwrap.fill(machine_line(report.machine), 150)),
        size=9, color=FAINT, va="top",
    )  # fmt: skip
    edge_in = height_in - top_in
    panels = []
    for tall_in in heights_in:
        edge_in -= tall_in
        share = 1 - (_LEFT_IN + _RIGHT_IN) / _WIDTH_IN
        box = (_LEFT_IN / _WIDTH_IN, edge_in / height_in, share, tall_in / height_in)
        panels.append(_plain(figure.add_axes(box)))
        edge_in -= gap_in
    _draw_networks(panels[0], report.networks)
    if report.clip is not None:
        _draw_clip(panels[1], report.clip)
    data = io.BytesIO()
    figure.savefig(data, format="png", metadata={"Software": None})
    return data.getvalue()


def _plain(axes: Axes) -> Axes:
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=9, labelcolor=INK)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    return axes


def _draw_networks(axes: Axes, rows: Sequence[NetworkPart]) -> None:
    axes.set_ylim(max(len(rows), 1), 0)
    told = "milliseconds a run: the median, and to the 99th percentile"
    if any(row.device for row in rows):
        told += "; the mark is the GPU's own median"
    axes.set_xlabel(told, size=9, color=FAINT)
    colours = class_colours(row.runtime for row in rows)
    axes.set_yticks(
        [at + 0.5 for at in range(len(rows))],
        [f"{row.precision} {row.runtime} {row.size[0]}x{row.size[1]} x{row.batch}" for row in rows],
    )
    for at, row in enumerate(rows):
        colour = hexadecimal(colours[row.runtime])
        axes.barh(at + 0.5, row.wall.p50_ms, 0.62, color=colour, linewidth=0)
        axes.hlines(at + 0.5, row.wall.p50_ms, row.wall.p99_ms, color=INK, linewidth=1)
        if row.device is not None:
            axes.vlines(row.device.p50_ms, at + 0.19, at + 0.81, color=INK, linewidth=2)
        at_right(axes, at + 0.5, f"{row.images_per_s:.0f} images/s", color=INK)
    axes.set_xlim(0, None)


def _draw_clip(axes: Axes, clip: ClipPart) -> None:
    axes.set_ylim(len(clip.stages), 0)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["idle", "half", "busy"])
    axes.set_yticks([at + 0.5 for at in range(len(clip.stages))], [s.name for s in clip.stages])
    axes.set_title(
        f"{clip.width}x{clip.height} {clip.codec}, every {clip.every}, {clip.precision} on "
        f"{clip.runtime}: {clip.fps:.1f} frames a second",
        size=10.5, color=INK, loc="left",
    )  # fmt: skip
    for at, stage in enumerate(clip.stages):
        axes.barh(at + 0.5, stage.load, 0.62, color="#1f5fae", linewidth=0)
        at_right(axes, at + 0.5, f"{stage.load:.0%}", color=INK)
