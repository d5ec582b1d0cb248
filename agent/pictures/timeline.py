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
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from agent.pictures.history import binned, loads, longest, runs_of
from agent.pictures.palette import ALARM, RGB, class_colours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

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
_CHARACTER_PX = 7.0
_TICK_PX = 3.0
_LONG_S = 90.0

_INK, _FAINT, _GRID = "#24292f", "#6e7781", "#d8dee4"
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
                color=_hex(ALARM),
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
        axes.tick_params(length=0, labelsize=9, labelcolor=_INK, labelbottom=False)
        axes.xaxis.set_major_locator(MaxNLocator(12, steps=[1, 2, 3, 5, 6, 10]))
        axes.grid(axis="x", color=_GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        return axes

    def _heading(self) -> None:
        report, journal = self._report, self._journal
        length = _count(len(journal.hidden), "frame")
        if self._rate:
            length += f", {_clock(len(journal.hidden) / self._rate)} at {self._rate:g} fps"
        verb = "hidden" if report.redacted else "seen"
        counts = f"{_count(len(journal.keyframes), 'detection')}, "
        counts += f"{_count(len(journal.tracks), 'object')} {verb}"
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
        self._heading_line(left, 0.72, "   ·   ".join(parts), size=10.5, color=_FAINT)

    def _heading_line(self, x: float, down_in: float, text: str, **look: Any) -> None:
        look = {"color": _INK, **look}
        self._figure.text(x, 1 - down_in / self._height_in, _literal(text), **look)

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
        self._at_right(axes, 0.5, str(len(keyframes)))
        whole = self._journal.whole
        self._at_right(axes, 1.5, str(len(whole)), color=_hex(ALARM) if whole else _FAINT)
        if not whole:
            axes.text(
                self._end / 2, 1.5, "no frame", color=_FAINT, size=9, ha="center", va="center"
            )
        runs = list(runs_of(whole))
        axes.broken_barh(
            [(self._x(first), self._x(end) - self._x(first)) for first, end, _ in runs],
            (1.08, 0.84),
            color=_hex(ALARM),
            linewidth=1,  # one frame of an hour can be seen, too
        )
        self._name_reasons(axes, runs)
        if self._rate:
            to_frames = partial(np.multiply, self._rate), partial(np.multiply, 1 / self._rate)
            above = axes.secondary_xaxis("top", functions=to_frames)
            above.spines[:].set_visible(False)
            above.xaxis.set_major_locator(MaxNLocator(12, integer=True))
            above.tick_params(length=0, labelsize=9, labelcolor=_FAINT)
            axes.annotate(
                "frame", (0, 1), (-12, 5), "axes fraction", "offset points",
                size=9, color=_FAINT, ha="right",
            )  # fmt: skip

    def _name_reasons(self, axes: Axes, runs: Sequence[tuple[int, int, str]]) -> None:
        """Once each, at its longest run: inside where it fits, else where there is room beside."""
        taken: list[tuple[float, float]] = []
        px = _PLOT_PX / self._end
        for reason, frames in self._journal.whole_reasons().items():
            first, end, _ = max((r for r in runs if r[2] == reason), key=lambda r: r[1] - r[0])
            text = f"{reason} ({_count(frames, 'frame')})"
            left, right, wide = self._x(first) * px, self._x(end) * px, len(text) * _CHARACTER_PX
            if right - left > wide:
                at, align, colour = (left + right) / 2, "center", "white"
                spot = (left, right)
            elif right + wide < _PLOT_PX:
                at, align, colour, spot = right + 4, "left", _hex(ALARM), (right, right + wide)
            else:
                at, align, colour, spot = left - 4, "right", _hex(ALARM), (left - wide, left)
            if any(spot[0] < other[1] and other[0] < spot[1] for other in taken):
                continue  # the report counts them all
            taken.append(spot)
            name = axes.text(
                at / px, 1.5, _literal(text), color=colour, size=9, ha=align, va="center"
            )
            if colour != "white":
                name.set_bbox({"facecolor": "white", "pad": 1, "linewidth": 0})

    def _draw_tracks(self, axes: Axes) -> None:
        axes.set_ylim(max(len(self._spans), 1), 0)
        left_out = len(self._journal.tracks) - len(self._spans)
        if not self._spans:
            axes.set_yticks([])
            axes.text(
                self._end / 2, 0.5, "no object was seen", color=_FAINT, size=10,
                ha="center", va="center",
            )  # fmt: skip
        colours = class_colours(span.label for span in self._journal.tracks.values())
        axes.set_yticks(
            [row + 0.5 for row in range(len(self._spans))],
            [_literal(_shortened(f"{span.label} {span.number}")) for span in self._spans],
        )
        for row, span in enumerate(self._spans):
            start, end = self._x(span.first), self._x(span.last + 1)
            axes.barh(
                row + 0.5, end - start, 0.66, left=start,
                color=_hex(colours[span.label]), linewidth=0,
            )  # fmt: skip
            self._at_right(axes, row + 0.5, self._long(span.last + 1 - span.first))
        if left_out:
            axes.set_title(
                f"the {len(self._spans)} longest tracks; {left_out} shorter ones are not shown",
                size=9, color=_FAINT, loc="left", pad=4,
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
        axes.grid(axis="y", color=_GRID, linewidth=0.8)
        axes.set_ylabel("objects\nhidden", size=9, color=_INK, rotation=0, ha="right", va="center")
        axes.yaxis.set_label_coords(-0.022, 0.5)
        self._at_right(axes, max(most, 1), f"most {most}")

    def _draw_load(self, axes: Axes) -> None:
        stages = self._report.stages
        axes.grid(visible=False)
        axes.set_ylim(len(stages), 0)
        axes.set_yticks(
            [row + 0.5 for row in range(len(stages))], [f"{stage.name} busy" for stage in stages]
        )
        for row, (label, stage) in enumerate(zip(axes.get_yticklabels(), stages, strict=True)):
            weight = "bold" if stage.name == self._report.bottleneck else "normal"
            label.set_fontweight(weight)
            self._at_right(axes, row + 0.5, f"{stage.load:.0%}", color=_INK, weight=weight)
        edges, shares = loads(self._journal, self._report)
        heat = LinearSegmentedColormap.from_list("busy", ["#f3f5f8", "#9cc4ea", "#1f5fae"])
        axes.pcolormesh(
            [self._x(edge) for edge in edges], np.arange(len(stages) + 1), shares.T,
            cmap=heat, vmin=0, vmax=1, linewidth=0,
        )  # fmt: skip
        axes.hlines(np.arange(1, len(stages)), 0, self._end, color="white", linewidth=2)
        self._draw_key(heat)
        axes.tick_params(labelbottom=True, pad=5)
        name = "video time (s)" if self._rate else "frame (the frame rate is not known)"
        if self._rate and self._end > _LONG_S:
            axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: _minutes(seconds)))
            name = "video time (min:s)"
        axes.set_xlabel(name, size=9, color=_FAINT)

    def _draw_key(self, heat: Colormap) -> None:
        """What the colours of the load mean, below its right end."""
        wide_in, tall_in, up_in = 1.1, 0.12, 0.16
        at_in = _WIDTH_IN - _RIGHT_IN - wide_in - 0.45
        sides = (at_in / _WIDTH_IN, up_in / self._height_in)
        key = self._figure.add_axes((*sides, wide_in / _WIDTH_IN, tall_in / self._height_in))
        key.imshow(np.linspace(0, 1, 64)[None], cmap=heat, aspect="auto")
        key.set_axis_off()
        for word, x, off, align in (("idle", 0, -6, "right"), ("busy", 1, 6, "left")):
            key.annotate(
                word, (x, 0.5), (off, 0), "axes fraction", "offset points",
                size=9, color=_FAINT, ha=align, va="center",
            )  # fmt: skip

    def _at_right(self, axes: Axes, row: float, text: str, **look: Any) -> None:
        look = {"color": _FAINT, "size": 9, **look}
        axes.annotate(
            text, (1, row), (8, 0), ("axes fraction", "data"), "offset points", va="center", **look
        )

    def _long(self, frames: int) -> str:
        return _clock(frames / self._rate) if self._rate else str(frames)


def _clock(seconds: float) -> str:
    return f"{_minutes(seconds)} min" if seconds > _LONG_S else f"{seconds:.1f} s"


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _shortened(text: str) -> str:
    return text if len(text) <= 20 else text[:9] + "…" + text[-10:]


def _literal(text: str) -> str:
    """Text from outside, with nothing in it that matplotlib takes for a formula."""
    return text.replace("$", r"\$")


def _hex(rgb: RGB) -> str:
    return f"#{bytes(rgb).hex()}"
