"""Records: what a control plane keeps over a kill, and the clock that it goes by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.control.clock import EventClock
from agent.control.database import Database
from agent.control.inbox import Inbox
from agent.control.outbox import Outbox

if TYPE_CHECKING:
    from pathlib import Path

    from agent.wall_clock import WallClock


@dataclass(frozen=True, slots=True)
class Records:
    """Events and commands, in one database, of the thread that opened it.

    Attributes:
        boot_id: names this start of the agent.
    """

    database: Database
    outbox: Outbox
    inbox: Inbox
    clock: EventClock
    boot_id: str

    @classmethod
    def open(cls, path: Path, limit_bytes: int, wall: WallClock, boot_id: str) -> Records:
        """Go on from what a file holds; a disk that can't be written to is tried again later."""
        clock = EventClock(wall)
        database = Database(path, clock.monotonic)
        outbox, inbox = Outbox(database, limit_bytes, clock, boot_id), Inbox(database)
        database.commit()  # this start: what it is about to say must not look like a twin's later
        return cls(database, outbox, inbox, clock, boot_id)
