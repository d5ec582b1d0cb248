"""HangLimit: how many detections of a lane may hang within a window of time."""

from __future__ import annotations

MAX_HANGS = 3
"""Hung detections within `HANG_WINDOW_S` that suspend a lane. Chosen, not measured: one or two
can be a driver that recovered, and each costs its stream the whole time-out."""

HANG_WINDOW_S = 600.0
"""Seconds for which a hung detection counts. Chosen, not measured: a detector that always hangs
holds a stream up for at most `MAX_HANGS` time-outs in it, 10 % of the time with 20 s each."""


class HangLimit:
    """Counts hung detections by the name of their lane.

    By name, so that a stream that is opened again keeps its count: one that came back every few
    seconds would have no limit at all.
    """

    def __init__(self) -> None:
        self._hangs: list[tuple[str, float]] = []

    def note(self, lane: str, at_s: float) -> None:
        """A detection of this lane reached its time-out, on a monotonic clock."""
        self._hangs.append((lane, at_s))

    def reached(self, lane: str, now_s: float) -> bool:
        """Whether the lane must not be detected in now."""
        self._forget(now_s)
        return sum(name == lane for name, _ in self._hangs) >= MAX_HANGS

    def lately(self, now_s: float) -> int:
        """How many lie in the window, over all lanes."""
        self._forget(now_s)
        return len(self._hangs)

    def _forget(self, now_s: float) -> None:
        self._hangs = [hang for hang in self._hangs if now_s - hang[1] < HANG_WINDOW_S]
