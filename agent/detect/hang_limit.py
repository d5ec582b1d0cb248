"""HangLimit: when a lane whose detections hung is not detected in, and when it is tried anew."""

from __future__ import annotations

MAX_HANGS = 3
"""Hung detections within `HANG_WINDOW_S` that suspend a lane. Chosen, not measured: one or two
can be a driver that recovered, and each costs its stream the whole time-out."""

HANG_WINDOW_S = 600.0
"""Seconds for which a hung detection counts. Chosen, not measured: a detector that always hangs
holds a stream up for at most `MAX_HANGS` time-outs in it, 10 % of the time with 20 s each."""

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0
BACKOFF_WINDOW_S = 3600.0
"""Seconds for which a live lane is left alone after a detection of it hung, the first and the longest:
twice as long for each that hung before within that window. Chosen, not measured: somebody watches, and
may have mended it; and a detector that always hangs leaves about twelve threads an hour behind."""


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
        """Whether a lane that can wait must not be detected in now."""
        hangs = self._within(HANG_WINDOW_S, now_s)
        return sum(name == lane for name, _ in hangs) >= MAX_HANGS

    def pauses(self, lane: str, now_s: float) -> bool:
        """Whether a live lane must not be detected in now; no number of hangs ends it for good."""
        hangs = [at_s for name, at_s in self._within(BACKOFF_WINDOW_S, now_s) if name == lane]
        if not hangs:
            return False
        pause_s = min(FIRST_PAUSE_S * 2.0 ** (len(hangs) - 1), LONGEST_PAUSE_S)
        return now_s - max(hangs) < pause_s

    def lately(self, now_s: float) -> int:
        """How many lie in the window, over all lanes."""
        return len(self._within(HANG_WINDOW_S, now_s))

    def _within(self, window_s: float, now_s: float) -> list[tuple[str, float]]:
        """Those of so long, once what no window holds is forgotten."""
        self._hangs = [hang for hang in self._hangs if now_s - hang[1] < BACKOFF_WINDOW_S]
        return [hang for hang in self._hangs if now_s - hang[1] < window_s]
