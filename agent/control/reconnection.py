"""Reconnection: when to try to connect next."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

FIRST_S = 1.0
"""The most that passes before the first try again. Chosen, not measured."""
LONGEST_S = 300.0
"""The most that passes before any: 10⁶ devices then come back at 3,300 a second, which at the 2 ms
that a handshake costs a broker (measured, mosquitto 2.0.11) are seven of its cores."""
CLOCK_LONGEST_S = 20.0
"""Where only this device's clock is in the way: once it was set, it is connected within 30 s."""


class Reconnection:
    """Waits of up to 1, 2, 4... 300 s, for ever, each drawn evenly from all that are shorter.

    So many that lost the same broker don't come back to it in step ("full jitter").

    Args:
        jitter_s: the first try comes after a random part of this.
        now: a monotonic clock, seconds.
    """

    def __init__(
        self, jitter_s: float, random: Random, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._random, self._now = random, now
        self._most_s = FIRST_S
        self._next_s = now() + random.uniform(0, jitter_s)
        self._held_off_s = now()

    @property
    def wait_s(self) -> float:
        """Seconds until the next try is due; 0 and less: it is."""
        return max(self._next_s, self._held_off_s) - self._now()

    def lost(self, lasted_s: float, *, by_clock: bool) -> None:
        """A try failed, or a connection is gone that lasted for `lasted_s` seconds.

        One that lasted longer than it could have been waited for is no repetition.
        """
        if lasted_s > self._most_s:
            self._most_s = FIRST_S
        most_s = min(self._most_s, CLOCK_LONGEST_S) if by_clock else self._most_s
        self._next_s = self._now() + self._random.uniform(0, most_s)
        self._most_s = min(2 * self._most_s, LONGEST_S)

    def hold_off(self, seconds: float) -> None:
        """No try before half of this, or up to all of it, has passed."""
        self._held_off_s = self._now() + self._random.uniform(seconds / 2, seconds)

    def at_once(self) -> None:
        """Something has changed for the better; what was held off stays so."""
        self._most_s, self._next_s = FIRST_S, self._now()
