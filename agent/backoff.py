"""Backoff: how long to wait before the next try."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

FIRST_S = 1.0
"""The most that passes before the first try again. Chosen, not measured."""


class Backoff:
    """Waits of up to 1, 2, 4... s, for ever, each drawn evenly from all that are shorter.

    With "full jitter" many that lost the same server don't come back to it in step (Brooker,
    "Exponential Backoff and Jitter", 2015).

    Args:
        longest_s: the most that passes before any try.
    """

    def __init__(self, random: Random, longest_s: float) -> None:
        self._random, self._longest_s = random, longest_s
        self._most_s = FIRST_S

    def next_s(self, ran_s: float, within_s: float = math.inf) -> float:
        """Seconds to wait after a try that failed when it had run for `ran_s` seconds, once open.

        One that ran longer than it could have been waited for is no repetition.

        Args:
            within_s: the most that passes before this try.
        """
        if ran_s > self._most_s:
            self.begin_anew()
        wait_s = self._random.uniform(0, min(self._most_s, within_s))
        self._most_s = min(2 * self._most_s, self._longest_s)
        return wait_s

    def begin_anew(self) -> None:
        """Something has changed for the better."""
        self._most_s = FIRST_S
