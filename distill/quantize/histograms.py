"""Histograms: how often the values of a network's tensors were seen, and the ranges that follow."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from distill.quantize.silu import least_low

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Counts = npt.NDArray[np.int64]

Method = Literal["percentile", "minmax", "mse"]

PERCENTILE = 99.999
"""Share (%) of a tensor's values that keep their place: YOLOv8n-seg of 640 px lost 0.8 points of
mask mAP in uint8, with all values kept 1.5, and with the least squared error 1.0 (before what is
gated had bounds of its own)."""

BINS = 2048
_CODES = 256
_CLIPS = np.linspace(0.2, 1.0, 81)
"""Shares of a bound among which the one of least squared error is looked for; chosen, not measured."""


@dataclass(frozen=True)
class Range:
    """What eight bits of a tensor must reach: from `low` <= 0 to `high` >= 0."""

    low: float
    high: float


@dataclass(frozen=True)
class Extremes:
    """Of one tensor over all images: its least and greatest value, and its greatest size."""

    low: float
    high: float
    size: int


@dataclass(frozen=True)
class Histograms:
    """What was seen of every tensor of one network.

    Attributes:
        extremes: by the tensor's name.
        counts: values a bin, `BINS` of equal width between the extremes, int64, by the tensor's
            name; a calibration that was stopped has them of some tensors only.
        gated: names of the tensors that nothing but a SiLU reads.
    """

    extremes: Mapping[str, Extremes]
    counts: Mapping[str, Counts]
    gated: frozenset[str] = frozenset()

    def ranges(
        self, method: Method = "percentile", percentile: float = PERCENTILE
    ) -> dict[str, Range]:
        """The ranges that eight bits shall reach, by the tensor's name.

        What is gated reaches down only as far as serves its SiLU, with any method.

        Args:
            method: `percentile` lets the rarest values saturate, as many at either end;
                `minmax` none; `mse` those that make the squared error least.
            percentile: share of the values that keep their place, %.
        """
        bounds = {name: self._bounds(name, method, percentile) for name in self.extremes}
        return {
            name: _with_zero(self._low(name, high) if name in self.gated else low, high)
            for name, (low, high) in bounds.items()
        }

    def _low(self, name: str, high: float) -> float:
        """The lower bound of what a SiLU reads."""
        edges = self._edges(name)
        return least_low((edges[:-1] + edges[1:]) / 2, self.counts[name], max(high, 0.0))

    def _edges(self, name: str) -> npt.NDArray[np.float64]:
        return np.linspace(self.extremes[name].low, self.extremes[name].high, BINS + 1)

    def _bounds(self, name: str, method: Method, percentile: float) -> tuple[float, float]:
        seen = self.extremes[name]
        if method == "minmax" or seen.low == seen.high:
            return seen.low, seen.high
        edges, counts = self._edges(name), self.counts[name]
        if method == "mse":
            return _least_error(edges, counts)
        share = counts.cumsum() / counts.sum()
        cut = (100 - percentile) / 200
        first = int(np.searchsorted(share, cut, side="right"))
        last = int(np.searchsorted(share, 1 - cut))
        return float(edges[first]), float(edges[last + 1])

    def to_bytes(self) -> bytes:
        """A file that `from_bytes` reads."""
        extremes = {name: [seen.low, seen.high, seen.size] for name, seen in self.extremes.items()}
        counts = np.stack(list(self.counts.values())) if self.counts else np.zeros((0, BINS))
        file = io.BytesIO()
        told = json.dumps(
            {"extremes": extremes, "counted": list(self.counts), "gated": sorted(self.gated)}
        )
        np.savez_compressed(
            file, told=np.frombuffer(told.encode(), np.uint8), counts=counts.astype(np.int64)
        )
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Histograms:
        """What `to_bytes` wrote."""
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            told: dict[str, Any] = json.loads(file["told"].tobytes())
            counts = dict(zip(told["counted"], file["counts"], strict=True))
        extremes = {name: Extremes(*seen) for name, seen in told["extremes"].items()}
        return cls(extremes, counts, frozenset(told["gated"]))


def _with_zero(low: float, high: float) -> Range:
    """Zero needs a code of its own: borders are padded with it."""
    return Range(min(low, 0.0), max(high, 0.0))


def _least_error(edges: npt.NDArray[np.float64], counts: Counts) -> tuple[float, float]:
    """The bounds whose codes err least over all values: first the upper, then the lower one."""
    middles = (edges[:-1] + edges[1:]) / 2

    def error(low: float, high: float) -> float:
        bounds = _with_zero(low, high)
        step = (bounds.high - bounds.low) / (_CODES - 1)
        coded = np.round(np.clip(middles, bounds.low, bounds.high) / step) * step
        return float((counts * (middles - coded) ** 2).sum())

    lows, highs = (_CLIPS * float(edge) for edge in (edges[0], edges[-1]))
    high = min(highs.tolist(), key=lambda clipped: error(float(edges[0]), clipped))
    return min(lows.tolist(), key=lambda clipped: error(clipped, high)), high
