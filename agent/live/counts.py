"""Counts: what a server of live streams has done so far, for its metrics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

_MOST_REASONS = 16
_OTHER = "other"


@dataclass(slots=True)
class Counts:
    """Changed on the event loop's thread only; each number may be read from any.

    Attributes:
        watching: clients that watch now.
        cameras: clients that are cameras now.
        pictures: that went out to clients.
        lost: pictures that clients lost because they were too slow; of those that have left.
        dropped: frames of clients' cameras that were never shown, by reason.
        refused: connections that were closed by us, by reason; also those refused before.
    """

    watching: int = 0
    cameras: int = 0
    pictures: int = 0
    lost: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def drop(self, frames: int, why: str) -> None:
        """Frames were dropped; reasons beyond the first sixteen are one."""
        is_known = why in self.dropped or len(self.dropped) < _MOST_REASONS
        self.dropped[why if is_known else _OTHER] += frames
