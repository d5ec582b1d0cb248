"""Resampling: a figure's 95 % interval by the bootstrap over images.

Images are drawn anew, as many as there are, with replacement; what a figure would have been in
each of these draws scatters as it would over other images (Efron, "Bootstrap methods", Annals of
Statistics 1979). Two networks are compared on the same draws, so that what makes an image hard
cancels. Frames of one clip resemble each other, which the bootstrap does not know: there the
intervals are too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable

    Floats = npt.NDArray[np.float64]
    Measure = Callable[[Floats], Floats]
    """From how often each image counts [draws, images] to the figure in each draw [draws]."""

DRAWS, SEED = 500, 13
"""The ends of an interval from so many draws are off by a twentieth of its length. Chosen, not
measured."""

_ENDS = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure, and between what it lies in 95 of 100 draws; NaN where there is nothing to measure."""

    value: float
    low: float
    high: float


def draws(images: int, count: int = DRAWS, seed: int = SEED) -> Floats:
    """How often each image is drawn, [count, images]; the same for the same arguments."""
    rng = np.random.default_rng(seed)
    share = np.full(images, 1 / images)
    return rng.multinomial(images, share, count).astype(np.float64)


@dataclass(frozen=True)
class Scattered:
    """A figure over all images, each counted once, and in each draw [draws]."""

    value: float
    drawn: Floats

    @classmethod
    def of(cls, measure: Measure, drawn: Floats) -> Scattered:
        """Measure it in draws [draws, images]."""
        (value,) = measure(np.ones((1, drawn.shape[1])))
        return cls(float(value), measure(drawn))

    def since(self, reference: Scattered) -> Scattered:
        """How far it is from another network's, draw by draw."""
        return Scattered(self.value - reference.value, self.drawn - reference.drawn)

    def interval(self) -> Interval:
        """Its 95 % interval; draws in which there is nothing to measure are left out."""
        there = self.drawn[~np.isnan(self.drawn)]
        if np.isnan(self.value) or not len(there):
            return Interval(float("nan"), float("nan"), float("nan"))
        low, high = np.percentile(there, _ENDS)
        return Interval(self.value, float(low), float(high))


def ratio(above: npt.ArrayLike, below: npt.ArrayLike) -> Measure:
    """The measure of a sum over images divided by another; NaN where that is 0.

    Args:
        above: [images].
        below: [images].
    """
    top, bottom = np.asarray(above, np.float64), np.asarray(below, np.float64)

    def measure(weights: Floats) -> Floats:
        sums = weights @ bottom
        nothing = np.full(len(weights), np.nan)
        shares: Floats = np.divide(weights @ top, sums, out=nothing, where=sums != 0)
        return shares

    return measure
