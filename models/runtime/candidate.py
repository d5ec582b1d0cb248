"""Candidacy: what became of one of a bundle's files when a machine looked for the one to run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from models.manifest import Role, RuntimeName

Outcome = Literal["chosen", "passed", "refused", "broken", "elsewhere", "absent"]
"""`passed`: it may run, and another was chosen. `refused`: it runs, and sees other things than it
should. `broken`: it can't be run. `elsewhere`: its manifest has it for other runtimes only.
`absent`: this machine lacks the runtime itself."""

MOST_LETTERS = 300
"""Of what is said. Chosen, not measured: twice what the longest class name makes of a line."""


@dataclass(frozen=True, slots=True)
class Candidacy:
    """A file on a runtime, and what became of it.

    Attributes:
        role: the precision that the file is; None where the runtime is absent, for all files.
        said: why, in a few words: `passes, 1.52x`.
        runtime: what ran it, or should have; None where no runtime of this machine may.
    """

    role: Role | None
    outcome: Outcome
    said: str
    runtime: RuntimeName | None

    @property
    def what(self) -> str:
        """Which file on which runtime: `int8 on tensorrt`."""
        return " on ".join(part for part in (self.role, self.runtime) if part)

    @property
    def line(self) -> str:
        """For a person."""
        return f"{self.what}: {self.said}"

    @property
    def is_faulty(self) -> bool:
        """Whether something is wrong with the file, and not only another one better."""
        return self.outcome in {"refused", "broken"}


Choice = tuple[Candidacy, ...]
"""What became of each of a bundle's files; one of them was chosen."""
