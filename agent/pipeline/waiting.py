"""Waiting: a frame that has not left, what is looked for in it, and what the detector was asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.detect.ticket import Ticket
    from agent.frames.frame import Frame
    from agent.track.placed import Moment
    from agent.track.tracker import Tracker


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What is looked for in a stream, and what was found.

    Attributes:
        labels: class names by class id.
    """

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
