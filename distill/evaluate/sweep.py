"""Sweep: from which score on each class should be hidden, read off a labelled data set.

The price of a threshold is what shows plus a tenth of what is hidden in vain, both in pixels: one
pixel that shows is as bad as ten of the background that are blurred for nothing. For a score that
is a probability this hides whatever is an object with a chance of more than one in eleven (Elkan,
"The foundations of cost-sensitive learning", IJCAI 2001), far below where F1 is best: what has
leaked can't be called back, what was blurred in vain is only ugly.

Where many thresholds cost the same, the middle of them is proposed: a network that is sure on
this data set is less so in other light, and either end would be the edge of a cliff.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distill.evaluate.leak import Leak, Leaks

    Curve = Sequence[tuple[float, Leak]]

LEAK_WEIGHT = 10
"""Pixels hidden in vain that weigh as much as one that shows; chosen, not measured."""

_SAME = 0.001
"""Prices that differ by less, as a share of the objects' pixels, are the same; chosen, not
measured."""


@dataclass(frozen=True)
class Sweep:
    """Thresholds that were tried, and those that are proposed.

    Attributes:
        thresholds: the proposal by class name; without classes that this data set says nothing
            about, because it has no such object or none was found at any score.
        curves: by class name, every threshold that was tried, rising, and what leaks there.
    """

    thresholds: dict[str, float]
    curves: dict[str, tuple[tuple[float, Leak], ...]]

    def to_json(self) -> dict[str, Any]:
        """What `sfumato-distill pack --thresholds` reads, and all that it comes from."""
        return {
            "thresholds": self.thresholds,
            "classes": {
                name: [{"threshold": threshold, **leak.to_json()} for threshold, leak in curve]
                for name, curve in self.curves.items()
            },
        }

    def at(self, name: str) -> Leak:
        """What leaks of a class at its proposal."""
        return dict(self.curves[name])[self.thresholds[name]]


def sweep(classes: Sequence[str], leaks: Leaks) -> Sweep:
    """Propose a threshold for each class.

    Args:
        classes: their names.
        leaks: what was counted of them.
    """
    curves = dict(zip(classes, leaks.curves, strict=True))
    proposals = {name: propose(curve) for name, curve in curves.items()}
    chosen = {name: value for name, value in proposals.items() if value is not None}
    return Sweep(chosen, curves)


def propose(curve: Curve) -> float | None:
    """The cheapest threshold of one class; the middle one of those around it that cost the same.

    Args:
        curve: thresholds, rising, and what leaks there.

    Returns:
        None where no object is there, or none is hidden at any threshold. Never one that hides
        nothing, though that may cost least where false positives are many.
    """
    curve = [(threshold, leak) for threshold, leak in curve if leak.shown < leak.pixels]
    if not curve:
        return None
    prices = [(leak.shown + leak.over / LEAK_WEIGHT) / leak.pixels for _, leak in curve]
    best = min(prices)
    first = last = prices.index(best)
    while first > 0 and prices[first - 1] < best + _SAME:
        first -= 1
    while last + 1 < len(prices) and prices[last + 1] < best + _SAME:
        last += 1
    return curve[(first + last) // 2][0]
