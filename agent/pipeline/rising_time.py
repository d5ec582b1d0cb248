"""RisingTime: frames' own times, made to rise."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.frames.frame import Frame

_LEAST_STEP_S = 1e-3
"""Two frames are at least so far apart. A broken clock of a microsecond a frame would else keep 150,000
keyframes in memory (`agent.track.tracker.HOLD_S`). Chosen: faster than almost any camera."""


class RisingTime:
    """Seconds of frames in order; where a stream's own time stands or goes back, it goes on."""

    def __init__(self) -> None:
        self._last_s = float("-inf")
        self._lag_s = 0.0

    def of(self, frame: Frame) -> float:
        """The time of the next frame."""
        time_s = float(frame.pts * frame.time_base) + self._lag_s
        least_s = self._last_s + _LEAST_STEP_S
        if time_s < least_s:
            self._lag_s += least_s - time_s
            time_s = least_s
        self._last_s = time_s
        return time_s
