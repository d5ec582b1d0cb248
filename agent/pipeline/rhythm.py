"""Rhythm: how often the detector looks; it can be changed while a stream runs."""

from __future__ import annotations

from typing import Literal

AUTO_MARGIN = 0.008
"""Growth of outlines, share of the longer side, with which `auto` covers as well as looking at
every second frame does, with less than half of the detections (measured on DAVIS-2016)."""

Every = int | Literal["auto"]


class Rhythm:
    """When the detector looks.

    Attributes:
        look_ahead: let frames wait for later keyframes; without it they are extrapolated.
    """

    def __init__(self, every: Every, max_every: int = 6, *, look_ahead: bool = True) -> None:
        """Look at every Nth frame, or at most `max_every` apart where `every` is `auto`."""
        self._every, self._max_every = every, max_every
        self.look_ahead = look_ahead

    def set_every(self, every: Every) -> None:
        """Look more or less often, from the next frame on; callable from any thread."""
        self._every = every  # one assignment: a frame sees the old value or the new one

    @property
    def adaptive(self) -> bool:
        """Whether to look again between two keyframes where objects moved much."""
        return self._every == "auto"

    @property
    def interval(self) -> int:
        """Frames from one keyframe to the next; the most of them where `adaptive`."""
        every = self._every
        return self._max_every if every == "auto" else every

    @property
    def margin(self) -> float:
        """By how much outlines must grow for this rhythm, share of their longer side."""
        return AUTO_MARGIN if self.adaptive else 0.0
