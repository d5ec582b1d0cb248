"""Timestamps: presentation times that rise, repaired only where the stream's can't be used."""

from __future__ import annotations

from heapq import heappop, heappush

_MOST_IN_FLIGHT = 32
"""Packets of which a decoder still owes the pictures: H.264's 16 and as many threads."""


class Timestamps:
    """Gives every frame its presentation time, in ticks.

    A time that rises is passed through as it is. A missing one follows the frame before by that
    frame's duration. One that stands still or falls back a little comes a tick after the frame
    before; one that falls back by more than `max_step_back` ticks was restarted, and what
    follows is moved along with it, unless that goes on as if nothing had been.

    Args:
        step: ticks that a frame lasts if nobody says how long.
        max_step_back: ticks.
        least: ticks from one frame to the next; 0 for sound, of which several packets may share
            a tick that is longer than they are.
    """

    def __init__(self, step: int, max_step_back: int, least: int = 1) -> None:
        self._step = max(1, step)
        self._max_step_back, self._least = max_step_back, least
        self._last: int | None = None
        self._shift = self._shift_before = 0
        self.repaired = 0
        """Frames whose own time could not be used."""

    def next_pts(self, pts: int | None, duration: int | None) -> int:
        """The time of the next frame, whose stream says `pts` and `duration` ticks."""
        rising = self._rising(pts)
        if rising != pts:
            self.repaired += 1
        self._last = rising
        if duration:
            self._step = duration
        return rising

    def _rising(self, pts: int | None) -> int:
        if self._last is None:
            return 0 if pts is None else pts
        follow = self._last + self._step
        if pts is None:
            return follow
        if pts + self._shift_before >= self._last + self._least:  # it was that one frame
            self._shift = self._shift_before
        moved = pts + self._shift
        if moved >= self._last + self._least:
            return moved
        if self._last - moved > self._max_step_back:
            self._shift_before, self._shift = self._shift, follow - pts
            return follow
        return self._last + self._least


class DecodeTimes:
    """Presentation times where a container says only when each packet is decoded.

    Pictures are shown at the same times, in another order: the nth at the nth of them.
    """

    def __init__(self) -> None:
        self._waiting: list[int] = []

    def fed(self, dts: int) -> None:
        """A packet goes to the decoder."""
        heappush(self._waiting, dts)
        if len(self._waiting) > _MOST_IN_FLIGHT:
            heappop(self._waiting)  # of a picture that never came

    def lost(self, dts: int) -> None:
        """The decoder could make nothing of a packet."""
        if dts in self._waiting:
            self._waiting.remove(dts)
            self._waiting.sort()  # a heap again

    def next_pts(self) -> int | None:
        """The time of the picture that comes next out of the decoder."""
        return heappop(self._waiting) if self._waiting else None
