"""RisingTime: frames' own times, made to rise."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.frames.frame import Frame

_LEAST_STEP_S = 1e-3


class RisingTime:
    """Seconds of frames in order; where a stream's own time goes back, it goes on from there."""

    def __init__(self) -> None:
        self._last_s = float("-inf")
        self._lag_s = 0.0

    def of(self, frame: Frame) -> float:
        """The time of the next frame."""
        time_s = float(frame.pts * frame.time_base) + self._lag_s
        if time_s <= self._last_s:
            self._lag_s += self._last_s + _LEAST_STEP_S - time_s
            time_s = self._last_s + _LEAST_STEP_S
        self._last_s = time_s
        return time_s
