"""Backoff: how long to wait before the next try."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

FIRST_S = 1.0
"""The most that passes before the first try again. Chosen, not measured."""
LONGEST_S = 60.0
"""The most that passes before any. Chosen, not measured: a camera that is there again, and can't be
asked whether it is, is back within a minute."""


class Backoff:
    """Waits of up to 1, 2, 4... 60 s, for ever, each drawn evenly from all that are shorter.

    With "full jitter" many that lost the same server don't come back to it in step (Brooker,
    "Exponential Backoff and Jitter", 2015).
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._most_s = FIRST_S

    def next_s(self, ran_s: float) -> float:
        """Seconds to wait after a try that failed when it had run for `ran_s` seconds, once open.

        One that ran longer than it could have been waited for is no repetition.
        """
        if ran_s > self._most_s:
            self.begin_anew()
        wait_s = self._random.uniform(0, self._most_s)
        self._most_s = min(2 * self._most_s, LONGEST_S)
        return wait_s

    def begin_anew(self) -> None:
        """Something has changed for the better."""
        self._most_s = FIRST_S
