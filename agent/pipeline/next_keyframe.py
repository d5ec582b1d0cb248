"""When the detector looks next: frames and seconds since it did, and what it saw."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from agent.pipeline.keyframes import is_unsettled, may_move_unseen_s

if TYPE_CHECKING:
    from agent.pipeline.rhythm import Rhythm
    from agent.track.tracker import Tracker

_UNSEEN_AUTO = 0.25
_UNSEEN = 0.05
"""Share of its smaller side that an object may move unseen where nothing later mends the guess:
under `auto`, which may look at every frame, and under a fixed number, which looks after half of its
frames at the soonest, and once in between after something came or was missed (the second tuned on
six DAVIS-2016 sequences; to look no more than twice as often leaked twice as much there)."""

_STEPS = 8
"""Frames of whose times the next one's is reckoned. Chosen, not measured."""

_ROUNDING_S = 1e-6
"""Times are sums and products of floats."""


class NextKeyframe:
    """Decides frame by frame; frames come in order."""

    def __init__(self, rhythm: Rhythm) -> None:
        self._rhythm = rhythm
        self._index = -1
        self._time_s = self._before_s = 0.0
        self._steps_s: deque[float] = deque(maxlen=_STEPS)
        self._at_once = True
        self._may_pass_s = math.inf
        self._least = 1
        self._looked_again = False

    def look_at_once(self) -> None:
        """Whatever comes next is a keyframe."""
        self._at_once = True

    def note(self, index: int, time_s: float) -> None:
        """This frame is one."""
        if index > self._index:
            self._index, self._time_s = index, time_s
            self._at_once, self._may_pass_s = False, math.inf

    def is_due(self, index: int, time_s: float) -> bool:
        """Whether this frame, the next in order, has to be one."""
        self._steps_s.append(time_s - self._before_s)
        self._before_s = time_s
        passed, passed_s = index - self._index, time_s - self._time_s
        next_s = passed_s + self._step_s()  # when the frame after this one may come
        return (
            self._at_once
            or passed >= self._rhythm.interval
            or passed_s > self._rhythm.max_gap_s + _ROUNDING_S
            or next_s > self._rhythm.longest_s + _ROUNDING_S
            or (passed >= self._least and next_s > self._may_pass_s)
        )

    def _step_s(self) -> float:
        """Seconds to the next frame.

        With look-ahead, the fewest of late: where it comes later, this frame can still be looked at.
        Else a stream of which frames are dropped would be looked at more often, and more dropped: of
        30 a second that lacked 10 to 70 % at random, 3 to 9 % more looks than this takes.
        """
        return min(self._steps_s) if self._rhythm.look_ahead else self._steps_s[-1]

    def is_late(self, time_s: float) -> bool:
        """Whether a frame of this time, the next in order, comes too late to be the next look.

        After a pause, for what was sent last is seen until then; or because frames come more
        seldom than those before, which nobody could know when the last of these came.
        """
        paused = time_s - self._before_s > self._rhythm.max_gap_s + _ROUNDING_S
        return paused or time_s - self._time_s > self._rhythm.longest_s + _ROUNDING_S

    def learn(self, tracker: Tracker, fault: str | None) -> None:
        """The last keyframe's result was taken in, and no later one will be waited for."""
        adaptive = self._rhythm.adaptive
        unsettled = fault is not None or is_unsettled(tracker)
        again = unsettled and (adaptive or not self._looked_again)
        self._looked_again = again
        self._least = 1 if adaptive or again else math.ceil(self._rhythm.interval / 2)
        share = _UNSEEN_AUTO if adaptive else _UNSEEN
        self._may_pass_s = 0.0 if again else may_move_unseen_s(tracker, share)
