"""Timestamps: presentation times that rise, repaired only where the stream's can't be used."""

from __future__ import annotations


class Timestamps:
    """Gives every frame its presentation time, in ticks.

    A time that rises is passed through as it is. A missing one follows the frame before by that
    frame's duration. One that stands still or falls back a little comes a tick after the frame
    before; one that falls back by more than `max_step_back` ticks was restarted, and what
    follows is moved along with it.
    """

    def __init__(self, step: int, max_step_back: int) -> None:
        self._step = max(1, step)
        self._max_step_back = max_step_back
        self._last: int | None = None
        self._shift = 0
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
        moved = pts + self._shift
        if moved > self._last:
            return moved
        if self._last - moved > self._max_step_back:
            self._shift = follow - pts
            return follow
        return self._last + 1
