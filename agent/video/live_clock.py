"""LiveClock: a live stream's times, which go on where its own clock was set anew."""

from __future__ import annotations

from fractions import Fraction

MAX_JUMP_S = 5
"""Seconds by which a clock may move on more than time has passed, or fall back, without having been
set anew. RTP clocks of cameras jump by hours; what a network holds up comes late, never early."""


class LiveClock:
    """Says by how much the times of each packet must be moved.

    After a jump they go on from what came before by as much as has passed since.

    Args:
        start: seconds to take from all times.

    Attributes:
        jumps: how often the clock was set anew.
    """

    def __init__(self, start: Fraction) -> None:
        self._shift = -start
        self._last: Fraction | None = None
        self._came_s = 0.0
        self.jumps = 0

    def shift(self, at: Fraction, least: Fraction, now_s: float) -> Fraction:
        """Seconds to add to the times of the next packet.

        Args:
            at: its own time, seconds.
            least: seconds by which it follows the one before at least, after a jump.
            now_s: when it came, on a monotonic clock.
        """
        if self._last is not None:
            step, passed_s = at - self._last, now_s - self._came_s
            if step < -MAX_JUMP_S or step > MAX_JUMP_S + passed_s:
                self.jumps += 1
                self._shift += max(Fraction(passed_s), least) - step
        self._last, self._came_s = at, now_s
        return self._shift
