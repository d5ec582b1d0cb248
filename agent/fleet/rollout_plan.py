"""RolloutPlan: what a roll-out is of, in which stages, and when it is to stop."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StringConstraints, model_validator

from agent.control.messages import MAX_REV, WINDOW_PATTERN, Digest, GroupModelDesired, Name, Short
from agent.control.selection import is_selected
from models.strict_model import StrictModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

Percent = Annotated[float, Field(gt=0, le=100)]


class RolloutPlan(StrictModel):
    """A bundle for a group, in stages.

    Attributes:
        stages: of a group's devices; each holds those before it.
        success: share of the devices told so far that has to run it before the next stage.
        abort_failed: share of the devices whose outcome is known, at which it stops as failed.
        least: of those outcomes, before that share is looked at.
        timeout_s: after which a device that was told counts as timed out.
        pause_after: stages after which a person says whether it goes on.
    """

    group: Name
    name: Short
    version: int = Field(ge=1, le=MAX_REV)
    digest: Digest
    window: Annotated[str, StringConstraints(pattern=WINDOW_PATTERN)] | None = None
    stages: Annotated[tuple[Percent, ...], Field(min_length=1, max_length=100)]
    success: Percent
    abort_failed: Percent
    least: int = Field(ge=1)
    timeout_s: float = Field(gt=0)
    pause_after: tuple[Percent, ...] = ()

    @model_validator(mode="after")
    def _stages_rise(self) -> Self:
        if list(self.stages) != sorted(set(self.stages)):
            raise ValueError("stages should rise, such as 1,5,25,100")
        if strange := set(self.pause_after) - set(self.stages):
            raise ValueError(f"there is no stage of {min(strange):g} % to pause after")
        return self

    @property
    def title(self) -> str:
        """The bundle in words."""
        return f"{self.name} v{self.version}"

    def wanted(self, devices: int) -> tuple[int, ...]:
        """How many of so many devices each stage is for, rounded up."""
        return tuple(math.ceil(round(percent * devices / 100, 9)) for percent in self.stages)

    def told(self, devices: Sequence[str], stage: int, salt: str) -> list[str]:
        """The devices that a stage tells, with those of the stages before it."""
        return [each for each in devices if is_selected(each, self.stages[stage], salt)]

    def document(self, rev: int, percent: float, salt: str) -> GroupModelDesired:
        """What stands at the broker for a stage; at 0 % no further device takes it."""
        return GroupModelDesired(
            v=1,
            rev=rev,
            name=self.name,
            version=self.version,
            digest=self.digest,
            window=self.window,
            percent=percent,
            salt=salt,
        )
