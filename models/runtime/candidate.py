"""Candidacy: what became of one of a bundle's files when a machine looked for the one to run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from models.manifest import Role

ONNXRUNTIME: Literal["onnxruntime-cpu"] = "onnxruntime-cpu"
"""The runtime of this machine, by its name in manifests."""

Outcome = Literal["chosen", "passed", "refused", "broken", "elsewhere"]
"""`passed`: it may run, and another was chosen. `refused`: it runs, and sees other things than it
should. `broken`: it can't be run. `elsewhere`: its manifest has it for other runtimes only."""

MOST_LETTERS = 300
"""Of what is said. Chosen, not measured: twice what the longest class name makes of a line."""


@dataclass(frozen=True, slots=True)
class Candidacy:
    """A file, and what became of it.

    Attributes:
        role: the precision that the file is.
        said: why, in a few words: `passes, 1.52x`.
    """

    role: Role
    outcome: Outcome
    said: str

    @property
    def line(self) -> str:
        """For a person."""
        where = "" if self.outcome == "elsewhere" else f" on {ONNXRUNTIME}"
        return f"{self.role}{where}: {self.said}"

    @property
    def is_faulty(self) -> bool:
        """Whether something is wrong with the file, and not only another one better."""
        return self.outcome in {"refused", "broken"}


Choice = tuple[Candidacy, ...]
"""What became of each of a bundle's files; one of them was chosen."""
