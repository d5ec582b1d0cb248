"""Silence: after how long without a frame a live source is silent, and nothing is held back for it."""

from __future__ import annotations

from collections import deque

SILENCE_S = 0.2
"""Seconds. Chosen, not measured: six frames of a camera at 30 a second, and a tenth of a second is
left for the detection after it."""

LONGEST_SILENCE_S = 1.0
"""Seconds, however seldom frames come. Chosen, not measured: of a camera slower than one frame a
second each is looked at and shown, for the next may never come."""

_STEPS = 2
"""Times the step from one frame to the next: below ten a second each would else be taken for the last
and lose what later ones tell of it. Of the last two steps the shorter, for a pause is no rhythm."""


class Silence:
    """Follows the times of frames; they come in order, and rise."""

    def __init__(self) -> None:
        self._before_s: float | None = None
        self._steps_s: deque[float] = deque(maxlen=2)

    def note(self, time_s: float) -> None:
        """A frame of this time came."""
        if self._before_s is not None:
            self._steps_s.append(time_s - self._before_s)
        self._before_s = time_s

    @property
    def after_s(self) -> float:
        """Seconds without a frame after which none is awaited any more."""
        step_s = min(self._steps_s, default=0.0)
        return min(max(SILENCE_S, _STEPS * step_s), LONGEST_SILENCE_S)
