"""Ticket: a frame that was handed in for detection, and what came of it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.frames.frame import Frame
    from agent.frames.sighting import Sighting
    from models.errors import FamilyError


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one frame.

    Attributes:
        sightings: what was seen; empty where there is a fault.
        fault: why there is no result; a short word for counting.
        misfit: the network is not of the family that its bundle claims, and never will be.
    """

    sightings: tuple[Sighting, ...] = ()
    fault: str | None = None
    misfit: FamilyError | None = None


TIMED_OUT = Result(fault="detector timed out")
CLOSED = Result(fault="detector closed")
INVALID, FAILED, NO_MODEL = "no valid result", "detector failed", "no model"
FAULTS = frozenset({"detector timed out", INVALID, FAILED, NO_MODEL})
"""Of the detector itself, as they stand in a cover."""
_OPEN = Result(fault="detector not done")
"""An open ticket that somebody reads must not look as if nothing were in its frame."""


@dataclass(slots=True, eq=False)
class Ticket:
    """A frame that was handed in; settled once, by a result or a fault.

    Attributes:
        frame: None as soon as nobody needs it for a detection any more.
        asked_s: when it was handed in, on the schedule's clock.
        done: set when the result stands.
    """

    frame: Frame | None
    asked_s: float = 0.0
    result: Result = _OPEN
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def sightings(self) -> tuple[Sighting, ...]:
        """What was seen in the frame."""
        return self.result.sightings

    @property
    def fault(self) -> str | None:
        """Why there is no result, if there is none."""
        return self.result.fault

    def settle(self, result: Result) -> None:
        """Let the frame go and wake whoever waits."""
        self.frame, self.result = None, result
        self.done.set()
