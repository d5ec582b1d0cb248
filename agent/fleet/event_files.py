"""EventFiles: where events are kept; what is written stays, whatever happens to who wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from agent.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from agent.fleet.event_heard import EventHeard
    from agent.fleet.gaps import Lost

DATABASE_SUFFIXES = (".db", ".sqlite", ".sqlite3")
LINES_SUFFIX = ".jsonl"


@dataclass(frozen=True, slots=True)
class Kept:
    """Events of a device from `first` to `last` that are there, or are known to be lost."""

    device: str
    epoch: str
    first: int
    last: int
    lost: bool = False


class EventFile(Protocol):
    """Events, each once."""

    def kept(self) -> Iterator[Kept]:
        """All that is there, an epoch that began earlier first."""
        ...

    def kept_between(self, device: str, epoch: str, first: int, last: int) -> Iterable[Kept]:
        """What of these is there by now, whoever wrote it."""
        ...

    def write(self, events: Sequence[EventHeard], lost: Sequence[Lost]) -> None:
        """Add what is not there yet; once this returns, no power cut takes it away.

        Raises:
            OutputError: it can't be written; none of it is there, and nothing more can be added.
        """
        ...

    def close(self) -> None:
        """Nothing more is written."""
        ...


def open_event_file(path: Path) -> EventFile:
    """The file of a name, made if it isn't there; its ending says which kind it is.

    Raises:
        UsageError: another ending.
        OutputError: it can't be opened, or is something else.
    """
    from agent.fleet.event_database import EventDatabase  # noqa: PLC0415 one of the two is needed
    from agent.fleet.event_lines import EventLines  # noqa: PLC0415

    suffix = path.suffix.lower()
    if suffix in DATABASE_SUFFIXES:
        return EventDatabase(path)
    if suffix == LINES_SUFFIX:
        return EventLines(path)
    raise UsageError(f"{path}: should end in .db (SQLite) or {LINES_SUFFIX} (JSON, a line each)")
