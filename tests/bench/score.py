"""Pure figures: how well an object was covered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.davis import Pixels

LEAKING = 0.05
"""A frame leaks when more of the object than this shows."""


@dataclass(frozen=True, slots=True)
class Score:
    """How well one sequence was covered.

    Attributes:
        leaks: share of the object that shows, frame by frame.
        over: share of the picture that is hidden beside the object, mean over frames.
        detections: frames that the detector saw.
    """

    leaks: tuple[float, ...]
    over: float
    detections: int

    @classmethod
    def of(cls, hidden: Sequence[Pixels], truth: Sequence[Pixels], detections: int) -> Score:
        """Compare what is hidden with where the object is."""
        if len(hidden) != len(truth):
            raise SystemExit(f"{len(truth)} frames went in and {len(hidden)} came out")
        pairs = list(zip(hidden, truth, strict=True))
        leaks = tuple(float((t & ~h).sum() / t.sum()) for h, t in pairs if t.any())
        return cls(leaks, float(np.mean([(h & ~t).mean() for h, t in pairs])), detections)

    @property
    def leak(self) -> float:
        """Mean over the frames that show the object."""
        return float(np.mean(self.leaks))

    @property
    def worst_coverage(self) -> float:
        """The coverage that 95 % of frames reach."""
        return 1 - float(np.percentile(self.leaks, 95))

    @property
    def leak_rate(self) -> float:
        """Share of frames that leak."""
        return float(np.mean([leak > LEAKING for leak in self.leaks]))

    @property
    def longest_leak(self) -> int:
        """The longest run of frames that leak."""
        longest = run = 0
        for leak in self.leaks:
            run = run + 1 if leak > LEAKING else 0
            longest = max(longest, run)
        return longest
