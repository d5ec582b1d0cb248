"""Window: what a fleet did between two moments."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tests.bench.fleet import Usage

_SAMPLES = 10
"""So many make one figure, so that a moment does not."""


@dataclass(frozen=True, slots=True)
class Window:
    """What a fleet did between two moments.

    Attributes:
        fps: of all streams together.
        cpu_ms: computed for a frame.
        cpu_s: computed for a stream, in a second of the clip's own time.
        jain: Jain's index of the streams' frames; 1 where all got as many.
        resident_mb: at the end.
    """

    fps: float
    cpu_ms: float
    cpu_s: float
    jain: float
    resident_mb: float


def window(before: Usage, after: Usage, rate: float) -> Window:
    """What lies between two moments; `rate`: the clip's frames a second."""
    frames = [after.frames[name] - before.frames[name] for name in after.frames]
    cpu_s = (after.cpu_s - before.cpu_s) / sum(frames)
    return Window(
        sum(frames) / (after.at_s - before.at_s),
        1000 * cpu_s,
        rate * cpu_s,
        jain(frames),
        after.resident_mb,
    )


def jain(shares: Collection[float]) -> float:
    """Jain's index of fairness: 1 where all shares are equal, 1 / n where one has all."""
    return sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares))


def resident_at(seen: Sequence[Usage], share: float) -> float:
    """Memory when the slowest stream had written this share of what it has in the end, MB.

    The median of a few samples from then on, or before the end.
    """
    fewest = [min(usage.frames.values()) for usage in seen]
    first = next(i for i, frames in enumerate(fewest) if frames >= share * fewest[-1])
    first = max(0, min(first, len(seen) - _SAMPLES))
    return median(usage.resident_mb for usage in seen[first : first + _SAMPLES])
