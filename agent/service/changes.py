"""Changes: tells when a value has become another one, and not too often."""

from __future__ import annotations

from typing import Generic, TypeVar, final

ValueT = TypeVar("ValueT")

BURST = 4
"""Changes that are told at once. Chosen, not measured: reconnecting, starting and running are three."""
REFILL_S = 15.0
"""After these one more each; so eight are the most that a minute may have. Chosen, not measured."""


@final
class Changes(Generic[ValueT]):
    """Looks at a value again and again.

    What is not told at once is told later, with the number of changes until then: what was told
    last is what is so.

    Args:
        value: that need not be told.
        burst: changes that may follow one another.
        refill_s: seconds after which one more may.
    """

    def __init__(self, value: ValueT, burst: int = BURST, refill_s: float = REFILL_S) -> None:
        self._value, self._burst, self._refill_s = value, burst, refill_s
        self._untold = 0
        self._left, self._at_s = float(burst), 0.0

    def look(self, value: ValueT, now_s: float) -> int:
        """How many changes are to be told now, `value` being the last; 0: nothing is.

        Args:
            now_s: a monotonic clock, seconds.
        """
        if value != self._value:
            self._value = value
            self._untold += 1
        refilled = self._left + (now_s - self._at_s) / self._refill_s
        self._left, self._at_s = min(float(self._burst), refilled), now_s
        if not self._untold or self._left < 1:
            return 0
        self._left -= 1
        told, self._untold = self._untold, 0
        return told
