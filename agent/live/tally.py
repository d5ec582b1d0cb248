"""Tally: how a live stream did over the last seconds."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import final

WINDOW_S = 5.0
"""Chosen, not measured: long enough for a rate that stands still, short enough to see it change."""
_MOST_PICTURES = 600
"""What the fastest camera gives in it, twice."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Of the last seconds.

    Attributes:
        fps: pictures a second.
        delay_s_p50: median of what lay between arrival and packets, seconds; None without any.
        delay_s_p95: likewise, for the slowest twentieth.
        whole_share: 0 to 1, of the pictures those that were covered whole.
        whole: why the last of these was; None where there is none.
        last_picture_s: seconds since the last picture ever; None before the first.
    """

    fps: float
    delay_s_p50: float | None
    delay_s_p95: float | None
    whole_share: float
    whole: str | None
    last_picture_s: float | None


@dataclass(frozen=True, slots=True)
class _Picture:
    at_s: float
    delay_s: float | None
    whole: str | None


@final
class Tally:
    """Is told of each picture that went out; any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pictures: deque[_Picture] = deque(maxlen=_MOST_PICTURES)
        self._last_s: float | None = None

    def shown(self, now_s: float, delay_s: float | None, whole: str | None) -> None:
        """A picture went out.

        Args:
            now_s: a monotonic clock.
            delay_s: since it arrived; None where nobody knows.
            whole: why it was covered whole, if it was.
        """
        with self._lock:
            self._pictures.append(_Picture(now_s, delay_s, whole))
            self._last_s = now_s

    def figures(self, now_s: float) -> Figures:
        """How the last seconds were."""
        with self._lock:
            pictures = [each for each in self._pictures if each.at_s > now_s - WINDOW_S]
            last_s = self._last_s
        delays_s = sorted(each.delay_s for each in pictures if each.delay_s is not None)
        wholes = [each.whole for each in pictures if each.whole is not None]
        over_s = now_s - pictures[0].at_s if pictures else 0.0
        return Figures(
            fps=(len(pictures) - 1) / over_s if over_s > 0 else 0.0,
            delay_s_p50=_quantile(delays_s, 0.5),
            delay_s_p95=_quantile(delays_s, 0.95),
            whole_share=len(wholes) / len(pictures) if pictures else 0.0,
            whole=wholes[-1] if wholes else None,
            last_picture_s=None if last_s is None else now_s - last_s,
        )


def _quantile(ascending: list[float], share: float) -> float | None:
    """The least value that so large a share does not exceed."""
    return ascending[min(len(ascending) - 1, int(share * len(ascending)))] if ascending else None
