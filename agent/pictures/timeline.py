"""Timeline: one picture of a run along the video's time, drawn from its journal.

From the top: where the detector looked and which frames were covered whole, every track as a
bar, how many objects were hidden, and how busy each stage was while those frames went by.
"""

from __future__ import annotations

import io
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from agent.pictures.history import binned, loads, longest, runs_of
from agent.pictures.load_panel import draw_load
from agent.pictures.palette import ALARM, class_colours
from agent.pictures.panel import FAINT, GRID, INK, at_right
from agent.pictures.reasons import name_reasons
from agent.pictures.words import count, duration, hexadecimal, literal, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from agent.pipeline.run_journal import RunJournal
    from agent.run_report import RunReport

MAX_TRACKS = 30
"""Rows that a person can still read; the longest tracks get them."""

_DPI = 100
_WIDTH_IN = 16.0
_LEFT_IN, _RIGHT_IN = 1.5, 0.9
_PLOT_PX = (_WIDTH_IN - _LEFT_IN - _RIGHT_IN) * _DPI
_ROW_IN = 0.24
_GAP_IN = 0.3
_TICK_PX = 3.0

_KEYFRAME = "#57606a"


def timeline(journal: RunJournal, report: RunReport) -> bytes:
    """A PNG 1600 pixels wide.

    Args:
        journal: what happened to each frame.
        report: the same run, summed up.
    """
    return _Drawing(journal, report).png()


class _Drawing:
    def __init__(self, journal: RunJournal, report: RunReport) -> None:
        self._journal, self._report = journal, report
        self._frames = max(len(journal.hidden), 1)
        self._rate = report.input.frame_rate
        self._end = self._x(self._frames)
        self._spans = longest(journal, MAX_TRACKS)

        heights_in = [0.56, max(len(self._spans), 1) * _ROW_IN, 0.9, len(report.stages) * _ROW_IN]
        top_in, bottom_in = 1.2, 0.62
        height_in = top_in + sum(heights_in) + 3 * _GAP_IN + bottom_in
        self._figure = Figure(figsize=(_WIDTH_IN, height_in), dpi=_DPI, facecolor="white")
        self._top_in, self._height_in = top_in, height_in
        self._axes: list[Axes] = []
        edge_in = height_in - top_in
        for tall_in in heights_in:
            edge_in -= tall_in
            box = (
                _LEFT_IN / _WIDTH_IN,
                edge_in / height_in,
                1 - (_LEFT_IN + _RIGHT_IN) / _WIDTH_IN,
                tall_in / height_in,
            )
            self._axes.append(self._plain(self._figure.add_axes(box)))
            edge_in -= _GAP_IN

    def png(self) -> bytes:
        looks, tracks, hidden, load = self._axes
        self._heading()
        self._draw_looks(looks)
        self._draw_tracks(tracks)
        self._draw_hidden(hidden)
        self._draw_load(load)
        for axes in (tracks, hidden):
            axes.broken_barh(
                [(self._x(a), self._x(b) - self._x(a)) for a, b, _ in runs_of(self._journal.whole)],
                (0, 1),
                transform=axes.get_xaxis_transform(),
                color=hexadecimal(ALARM),
                alpha=0.13,
                linewidth=0,
                zorder=0,
            )
        data = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names in scripts that the font does not have
            self._figure.savefig(data, format="png", metadata={"Software": None})
        return data.getvalue()

    def _x(self, frame: float) -> float:
        """Where a frame begins: seconds, or frames where the frame rate is unknown."""
        return frame / self._rate if self._rate else float(frame)

    def _plain(self, axes: Axes) -> Axes:
        axes.set_xlim(0, self._end)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, labelsize=9, labelcolor=INK, labelbottom=False)
        axes.xaxis.set_major_locator(MaxNLocator(12, steps=[1, 2, 3, 5, 6, 10]))
        axes.grid(axis="x", color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        return axes

    def _heading(self) -> None:
        report, journal = self._report, self._journal
        length = count(len(journal.hidden), "frame")
        if self._rate:
            length += f", {duration(len(journal.hidden) / self._rate)} at {self._rate:g} fps"
        verb = "hidden" if report.redacted else "seen"
        counts = f"{count(len(journal.keyframes), 'detection')}, "
        counts += f"{count(len(journal.tracks), 'object')} {verb}"
        pace = f"redacted at {report.fps:.1f} fps"
        if report.real_time_factor is not None:
            pace += f" ({report.real_time_factor:.2f}x real time)"
        parts = [length, counts, pace, f"bottleneck: {report.bottleneck}"]
        if not report.complete:
            parts.append("stopped early")
        if not report.redacted:
            parts.insert(0, "NOT REDACTED: boxes only")
        left = 0.3 / _WIDTH_IN
        self._heading_line(left, 0.42, Path(report.input.path).name, size=16, weight="bold")
        self._heading_line(left, 0.72, "   ·   ".join(parts), size=10.5, color=FAINT)

    def _heading_line(self, x: float, down_in: float, text: str, **look: Any) -> None:
        look = {"color": INK, **look}
        self._figure.text(x, 1 - down_in / self._height_in, literal(text), **look)

    def _draw_looks(self, axes: Axes) -> None:
        axes.set_ylim(2, 0)
        axes.set_yticks([0.5, 1.5], ["keyframes", "covered whole"])
        keyframes = np.unique(np.asarray(self._journal.keyframes, np.int64))
        if len(keyframes) * _TICK_PX < _PLOT_PX:
            ticks = [self._x(keyframe + 0.5) for keyframe in keyframes]
            axes.vlines(ticks, 0.15, 0.85, color=_KEYFRAME, linewidth=1.3)
        else:
            bins = int(_PLOT_PX / _TICK_PX)
            density, edges = np.histogram(keyframes, bins, (0, self._frames))
            axes.pcolormesh(
                [self._x(edge) for edge in edges], [0.15, 0.85], density[None],
                cmap="Greys", vmin=0, vmax=1.5 * density.max(),
            )  # fmt: skip
        at_right(axes, 0.5, str(len(keyframes)))
        whole = self._journal.whole
        at_right(axes, 1.5, str(len(whole)), color=hexadecimal(ALARM) if whole else FAINT)
        if not whole:
            axes.text(self._end / 2, 1.5, "no frame", color=FAINT, size=9, ha="center", va="center")
        runs = list(runs_of(whole))
        axes.broken_barh(
            [(self._x(first), self._x(end) - self._x(first)) for first, end, _ in runs],
            (1.08, 0.84),
            color=hexadecimal(ALARM),
            linewidth=1,  # one frame of an hour can be seen, too
        )
        spans = [(self._x(first), self._x(end), reason) for first, end, reason in runs]
        name_reasons(axes, spans, self._journal.whole_reasons(), self._end, _PLOT_PX)
        if self._rate:
            to_frames = partial(np.multiply, self._rate), partial(np.multiply, 1 / self._rate)
            above = axes.secondary_xaxis("top", functions=to_frames)
            above.spines[:].set_visible(False)
            above.xaxis.set_major_locator(MaxNLocator(12, integer=True))
            above.tick_params(length=0, labelsize=9, labelcolor=FAINT)
            axes.annotate(
                "frame", (0, 1), (-12, 5), "axes fraction", "offset points",
                size=9, color=FAINT, ha="right",
            )  # fmt: skip

    def _draw_tracks(self, axes: Axes) -> None:
        axes.set_ylim(max(len(self._spans), 1), 0)
        left_out = len(self._journal.tracks) - len(self._spans)
        if not self._spans:
            axes.set_yticks([])
            axes.text(
                self._end / 2, 0.5, "no object was seen", color=FAINT, size=10,
                ha="center", va="center",
            )  # fmt: skip
        colours = class_colours(span.label for span in self._journal.tracks.values())
        axes.set_yticks(
            [row + 0.5 for row in range(len(self._spans))],
            [literal(shortened(f"{span.label} {span.number}")) for span in self._spans],
        )
        for row, span in enumerate(self._spans):
            start, end = self._x(span.first), self._x(span.last + 1)
            axes.barh(
                row + 0.5, end - start, 0.66, left=start,
                color=hexadecimal(colours[span.label]), linewidth=0,
            )  # fmt: skip
            at_right(axes, row + 0.5, self._long(span.last + 1 - span.first))
        if left_out:
            axes.set_title(
                f"the {len(self._spans)} longest tracks; {left_out} shorter ones are not shown",
                size=9, color=FAINT, loc="left", pad=4,
            )  # fmt: skip

    def _draw_hidden(self, axes: Axes) -> None:
        edges, counts = binned(np.asarray(self._journal.hidden, np.int64), int(_PLOT_PX))
        at = np.array([self._x(edge) for edge in edges])
        axes.fill_between(
            at, np.append(counts, counts[-1]), step="post", color="#8c959f", alpha=0.5, linewidth=0
        )
        axes.step(at, np.append(counts, counts[-1]), where="post", color=_KEYFRAME, linewidth=1.1)
        most = int(counts.max())
        axes.set_ylim(0, max(most, 1) * 1.12)
        axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        axes.grid(axis="y", color=GRID, linewidth=0.8)
        axes.set_ylabel("objects\nhidden", size=9, color=INK, rotation=0, ha="right", va="center")
        axes.yaxis.set_label_coords(-0.022, 0.5)
        at_right(axes, max(most, 1), f"most {most}")

    def _draw_load(self, axes: Axes) -> None:
        edges, shares = loads(self._journal, self._report)
        wide_in, tall_in, up_in = 1.1, 0.12, 0.16
        at_in = _WIDTH_IN - _RIGHT_IN - wide_in - 0.45
        sides = (at_in / _WIDTH_IN, up_in / self._height_in)
        key = self._figure.add_axes((*sides, wide_in / _WIDTH_IN, tall_in / self._height_in))
        draw_load(axes, key, self._report, [self._x(edge) for edge in edges], shares)

    def _long(self, frames: int) -> str:
        return duration(frames / self._rate) if self._rate else str(frames)
