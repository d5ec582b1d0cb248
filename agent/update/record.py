"""Record: what a device remembers of its models; one value, kept whole in one file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from agent.control.messages import ModelState
from agent.update.deadline import Deadline  # noqa: TC001 pydantic reads the annotations
from agent.update.ports import Health  # noqa: TC001 likewise
from agent.update.wanted import Wanted  # noqa: TC001 likewise
from models.manifest import Sha256  # noqa: TC001 likewise
from models.strict_model import StrictModel

State = ModelState

UNDER_WAY: frozenset[State] = frozenset({"fetching", "staged", "testing"})
"""What something newer supersedes."""


class Held(StrictModel):
    """A bundle that lies in a slot, or shall."""

    digest: Sha256
    name: str
    version: int = Field(ge=1)


class Desire(StrictModel):
    """What the device, or a group of it, is told to run."""

    wanted: Wanted
    done: bool = Field(False, description="it came to an end, whichever")


class Change(StrictModel):
    """The last change of what runs, be it under way or over.

    Attributes:
        rev: of the desire that it is for; 0: none, a person at the device began it.
        starts: of the agent since it was switched to.
        deadline: until when it is on probation.
        before: how the agent was with the model that ran before.
    """

    held: Held
    state: State
    rev: int = Field(0, ge=0)
    group: str | None = None
    window: str | None = None
    reason: str = ""
    starts: int = Field(0, ge=0)
    deadline: Deadline | None = None
    before: Health | None = None

    def is_same(self, other: Change | None) -> bool:
        """Whether both are one change at one state."""
        return self.is_one_with(other) and other is not None and self.state == other.state

    def is_one_with(self, other: Change | None) -> bool:
        """Whether both are one change, at whatever states."""
        if other is None:
            return False
        ours = (self.held.digest, self.rev, self.group)
        return ours == (other.held.digest, other.rev, other.group)


class Record(StrictModel):
    """All of it.

    Attributes:
        active: what runs; None: the configuration's own bundle, or nothing where it names none.
        previous: what ran before it, and runs again if it must; `configured`: the configuration's.
        configured: digest of the configuration's bundle when `active` took its place.
        unfit: digest of `active` where it proved itself once, and the last start could not load it.
        staged: put into a slot by a person, who has not said yet that it shall run.
        desires: by group; under the empty name what this device alone is told.
        floor: the highest version that proved itself here, by name; nothing below it is installed.
        refused: digests that are never run again, with the reason.
    """

    v: Literal[1] = 1
    active: Held | None = None
    previous: Held | Literal["configured"] | None = None
    configured: Sha256 | None = None
    unfit: Sha256 | None = None
    staged: Held | None = None
    desires: dict[str, Desire] = Field(default_factory=dict)
    change: Change | None = None
    floor: dict[str, int] = Field(default_factory=dict)
    refused: dict[Sha256, str] = Field(default_factory=dict)

    @property
    def runs(self) -> str | None:
        """Digest of what runs by it; None: nothing, or nobody knows."""
        runs = self.configured if self.active is None else self.active.digest
        return None if runs == self.unfit else runs

    @property
    def slots(self) -> frozenset[str]:
        """Digests of the slots that are needed."""
        held = [self.active, self.previous, self.candidate, self.staged]
        return frozenset(each.digest for each in held if isinstance(each, Held))

    @property
    def on_probation(self) -> str | None:
        """Digest of what runs and has not proved itself yet."""
        change = self.change
        return change.held.digest if change is not None and change.state == "active" else None

    @property
    def candidate(self) -> Held | None:
        """What is about to run, or lies ready for that."""
        change = self.change
        is_next = change is not None and change.state in UNDER_WAY
        return change.held if change is not None and is_next else self.staged
