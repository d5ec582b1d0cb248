"""Reconnection: when to try to connect next."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from agent.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

LONGEST_S = 300.0
"""The most that passes before any: 10⁶ devices then come back at 3,300 a second, which at the 2 ms
that a handshake costs a broker (measured, mosquitto 2.0.11) are seven of its cores."""
CLOCK_LONGEST_S = 20.0
"""Where only this device's clock is in the way: once it was set, it is connected within 30 s."""


class Reconnection:
    """Waits between connections, see `agent.backoff`.

    Args:
        jitter_s: the first try comes after a random part of this.
        now: a monotonic clock, seconds.
    """

    def __init__(
        self, jitter_s: float, random: Random, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._random, self._now = random, now
        self._backoff = Backoff(random, LONGEST_S)
        self._next_s = now() + random.uniform(0, jitter_s)
        self._held_off_s = now()

    @property
    def wait_s(self) -> float:
        """Seconds until the next try is due; 0 and less: it is."""
        return max(self._next_s, self._held_off_s) - self._now()

    def lost(self, lasted_s: float, *, by_clock: bool) -> None:
        """A try failed, or a connection is gone that lasted for `lasted_s` seconds."""
        within_s = CLOCK_LONGEST_S if by_clock else LONGEST_S
        self._next_s = self._now() + self._backoff.next_s(lasted_s, within_s)

    def hold_off(self, seconds: float) -> None:
        """No try before half of this, or up to all of it, has passed."""
        self._held_off_s = self._now() + self._random.uniform(seconds / 2, seconds)

    def at_once(self) -> None:
        """Something has changed for the better; what was held off stays so."""
        self._backoff.begin_anew()
        self._next_s = self._now()
