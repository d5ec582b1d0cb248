"""CommonClock: one clock for all streams of a file, where the file's own clock jumps."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

_MAX_GAP_S = 10
"""A clock that moves on by more than this from one packet to the next was set anew; FFmpeg's
`-dts_delta_threshold`. Pictures that are further apart say so by their durations, or by how long
after it is decoded one is shown."""
_MAX_STEP_BACK_S = 0.1
"""A clock that falls back by more than this was, too; FFmpeg's, too. Less is a packet out of
place."""
_MOST_REORDERED = 16
"""Pictures that H.264 and H.265 hold back at most."""


class CommonClock:
    """Says by how much the times of each packet must be moved, to go on where the last ended.

    A broadcast's clock starts anywhere, and where recordings were joined, it starts anew. What
    comes after such a jump follows what came before, all streams moved as far as each other, so
    that sound and picture stay together. One stream whose times are broken moves no other.

    Args:
        start: seconds to take from all times.
        may_jump: whether the container has such a clock; if not, gaps are real, and stay.

    Attributes:
        jumps: how many were closed.
    """

    def __init__(self, start: Fraction, *, may_jump: bool) -> None:
        self._newest, self._may_jump = -start, may_jump
        self._shifts: dict[int, Fraction] = {}
        self._last: dict[int, Fraction] = {}
        self._end: dict[int, Fraction] = {}
        self._ahead: dict[int, deque[Fraction]] = {}
        self.jumps = 0

    def shift(
        self, stream: int, dts: Fraction | None, pts: Fraction | None, duration: Fraction
    ) -> Fraction:
        """Seconds to add to the times of a stream's next packet.

        Args:
            stream: any number that stands for it.
            dts: its decoding time in seconds, or None where it has none.
            pts: its presentation time, likewise.
            duration: seconds that it lasts; 0 where nobody knows.
        """
        shift = self._shifts.setdefault(stream, self._newest)
        if not self._may_jump or dts is None:
            return shift
        end = self._end.get(stream, dts + shift)
        others = set(self._shifts.values()) - {shift}
        closest = min(others, key=lambda other: abs(dts + other - end), default=shift)
        off, least_off = abs(dts + shift - end), abs(dts + closest - end)
        if self._has_jumped(stream, dts + shift):
            if closest == shift or least_off > _MAX_GAP_S:
                self.jumps += 1
                shift = self._newest = end - dts
            else:
                shift = self._follow(closest, end - dts)
        elif least_off + _MAX_STEP_BACK_S < off:
            shift = self._follow(closest, end - dts)
        self._shifts[stream] = shift
        self._last[stream], self._end[stream] = dts + shift, dts + shift + duration
        self._ahead.setdefault(stream, deque(maxlen=_MOST_REORDERED)).append((pts or dts) - dts)
        return shift

    def _has_jumped(self, stream: int, moved: Fraction) -> bool:
        if stream not in self._end:  # streams need not start together
            return False
        latest = max(self._end.values())  # what others go through is a real gap
        longest = _MAX_GAP_S + 2 * max(self._ahead[stream])
        return moved > latest + longest or moved < self._last[stream] - _MAX_STEP_BACK_S

    def _follow(self, shift: Fraction, least: Fraction) -> Fraction:
        """Move a stream as far as others that jumped before it.

        They move further with it, if that one was the longer before, or both recordings would
        overlap here.
        """
        if shift >= least:
            return shift
        for stream, other in self._shifts.items():
            if other == shift:
                self._shifts[stream] = least
        self._newest = least
        return least
