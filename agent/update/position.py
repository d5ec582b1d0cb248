"""Position: which model a device runs, and how far a change of it has got, for whoever asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.update.record import Held

if TYPE_CHECKING:
    from agent.update.record import Record, State

_MOST_REFUSED = 16
"""That are told, the latest; a device's retained messages stay small. Chosen, not measured."""


@dataclass(frozen=True, slots=True)
class Position:
    """What a device reports; nothing is ever decided by it.

    Attributes:
        rev, group, held: of the last change; 0 where a person at the device began it, or there was
            none.
        progress: 0 to 1, of its state.
        active: None: the configuration's own bundle, or none.
        previous: what it can be rolled back to; None: the configuration's own bundle, or nothing.
        refused: digests that are never run again.
    """

    rev: int
    group: str | None
    held: Held | None
    state: State
    progress: float
    reason: str
    active: Held | None
    previous: Held | None
    refused: tuple[str, ...]

    @classmethod
    def of(cls, record: Record, progress: float = 0.0, waits_for: str = "") -> Position:
        """By a record.

        Args:
            waits_for: what a change that is under way waits for.
        """
        change = record.change
        return cls(
            rev=change.rev if change else 0,
            group=change.group if change else None,
            held=change.held if change else None,
            state=change.state if change else "idle",
            progress=1.0 if change and change.state == "committed" else progress,
            reason=waits_for or (change.reason if change else ""),
            active=record.active,
            previous=record.previous if isinstance(record.previous, Held) else None,
            refused=tuple(record.refused)[-_MOST_REFUSED:],
        )
