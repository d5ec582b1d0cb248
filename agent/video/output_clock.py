"""OutputClock: frames' times in ticks of an output, in which no two are alike."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from agent.errors import OutputError

if TYPE_CHECKING:
    from agent.frames.stream_info import StreamInfo

MILLISECONDS = Fraction(1, 1000)
MAX_TICKS = 2**31 - 1
"""The most that MP4 takes from one picture to the next, as libavformat writes it."""

_FINEST = 10**6
"""Ticks a second. No camera is faster; more would leave MP4 less than half an hour between two
pictures."""
_MPEG = 90_000
"""Ticks a second in which the usual rates come out even, NTSC's among them."""
_TIME_LAPSE_FPS = Fraction(1, 60)
"""So few pictures a second may lie hours apart. Chosen, not measured."""
_MAX_LAG_S = Fraction(2, 1000)
"""By how much a picture may come late, so that it doesn't share its time with the one before: two
of Matroska's ticks, for a few pictures out of place. Chosen, not measured."""


class OutputClock:
    """Turns times of frames into ticks, each rounded to the nearest that is still free.

    Args:
        name: the output, for errors.
        time_base: seconds a tick.
    """

    def __init__(self, time_base: Fraction, name: str = "the output") -> None:
        self.time_base, self._name = time_base, name
        self._last: int | None = None

    def ticks(self, pts: int, time_base: Fraction) -> int:
        """The time of the next frame, `pts` ticks of `time_base`; frames come in order.

        Raises:
            OutputError: when frames follow each other faster than this clock ticks.
        """
        ticks = self.nearest(pts, time_base)
        if self._last is not None and ticks <= self._last:
            late = self._last + 1 - ticks
            if late * self.time_base > _MAX_LAG_S:
                raise OutputError(
                    f"{self._name}: counts in 1/{self.time_base.denominator} s, and the pictures "
                    "follow each other faster than that; write .mp4 or .mov"
                )
            ticks = self._last + 1
        self._last = ticks
        return ticks

    def nearest(self, pts: int, time_base: Fraction) -> int:
        """Any time, rounded."""
        return pts if time_base == self.time_base else round(pts * time_base / self.time_base)


def mp4_time_base(info: StreamInfo) -> Fraction:
    """The source's own ticks for MP4, or the finest in which it can hold the longest gap.

    A gap can't be longer than all. Where nobody knows how long that is, or it is too long, ticks
    are such that only a time-lapse could have such a gap, which gets milliseconds.
    """
    own, length_s = info.time_base, info.duration_s
    candidates = [Fraction(1, _FINEST), Fraction(1, _MPEG)]
    if own.denominator <= _FINEST:
        candidates.insert(0, own)
    if length_s is not None:
        for time_base in candidates:
            if length_s * timescale_of(time_base) < MAX_TICKS:
                return time_base
    if info.frame_rate is not None and info.frame_rate < _TIME_LAPSE_FPS:
        return MILLISECONDS
    usual = _FINEST if length_s is None else _MPEG
    return own if own.denominator <= usual else Fraction(1, _MPEG)


def timescale_of(time_base: Fraction) -> int:
    """Ticks a second in which MP4 counts pictures of `time_base`, a thousand or more.

    libavformat would choose ten thousand or more, in which fewer hours fit.
    """
    return time_base.denominator * -(-1000 // time_base.denominator)
