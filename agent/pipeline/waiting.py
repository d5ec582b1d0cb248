"""Waiting: a frame that has not left, what is looked for in it, and what the detector was asked."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.detect.lane import Lane
    from agent.detect.ticket import Ticket
    from agent.frames.frame import Frame
    from agent.track.placed import Moment
    from agent.track.tracker import Tracker


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What is looked for in a stream, by whom, and what was found.

    Attributes:
        lane: where its keyframes are detected.
        labels: class names by class id.
    """

    lane: Lane
    tracker: Tracker
    labels: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A frame that has not left.

    Attributes:
        moment: its time, made to rise, and where the scene lies in it.
    """

    frame: Frame
    scene: int
    moment: Moment
    view: View


class Line(deque[Waiting]):
    """Frames that have not left; their indices rise, and some may be missing."""

    def at(self, index: int) -> int:
        """Where the first frame of this index or a later one stands."""
        return bisect_left(self, index, key=lambda each: each.frame.index)

    def between(self, before: int, after: int) -> Waiting | None:
        """The frame that is nearest to half-way between two indices; None where there is none."""
        first, last = self.at(before + 1), self.at(after) - 1
        if first > last:
            return None
        return self[min(max(self.at((before + after) // 2), first), last)]


@dataclass(order=True, slots=True)
class Ask:
    """A keyframe whose result is not taken in yet."""

    index: int
    waiting: Waiting = field(compare=False)
    ticket: Ticket = field(compare=False)

    @property
    def scene(self) -> int:
        """The frame's."""
        return self.waiting.scene
