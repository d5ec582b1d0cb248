"""Numbers: which of a camera's numbers each of its pictures shows, and when that came."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import final

from agent.live.ledger import MOST_UNANSWERED


@final
class Numbers:
    """From a number's arrival to the picture that shows it; any thread may call.

    What is never asked for is forgotten: no more is kept than a client may have open.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._came: OrderedDict[int, float] = OrderedDict()
        self._at: OrderedDict[int, tuple[int, float]] = OrderedDict()

    def came(self, number: int, now_s: float) -> None:
        """It has arrived."""
        with self._lock:
            self._came[number] = now_s
            if len(self._came) > MOST_UNANSWERED:
                self._came.popitem(last=False)

    def given(self, number: int, pts: int) -> None:
        """It was decoded to the frame at `pts`."""
        with self._lock:
            came_s = self._came.pop(number, None)
            if came_s is None:
                return
            self._at[pts] = number, came_s
            if len(self._at) > MOST_UNANSWERED:
                self._at.popitem(last=False)

    def of(self, pts: int) -> int:
        """The number that the picture at `pts` shows; 0 where it shows none."""
        with self._lock:
            return self._at.get(pts, (0, 0.0))[0]

    def came_s(self, pts: int) -> float | None:
        """When what the picture at `pts` shows arrived; None where it shows none."""
        with self._lock:
            found = self._at.get(pts)
            return None if found is None else found[1]
