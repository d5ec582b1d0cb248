"""StoredDevice: a machine with an outbox and an inbox, which ends and starts when a test says so."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from machine_clock import MachineClock

from agent.control.clock import EventClock
from agent.control.database import Database
from agent.control.inbox import Inbox
from agent.control.outbox import Outbox

if TYPE_CHECKING:
    from pathlib import Path

    from agent.control.outbox import Stored

NOW_S = 1.8e9
PLENTY = 2**30


class StoredDevice:
    """One file in a folder, and what holds it at the time.

    Args:
        limit_bytes: of the outbox.
        synced: whether the machine's clock is.
    """

    def __init__(self, folder: Path, limit_bytes: int = PLENTY, *, synced: bool = True) -> None:
        self.path, self.limit_bytes, self.starts = folder / "control.db", limit_bytes, 0
        self.machine = MachineClock(NOW_S, synced=synced)
        self.start()

    def start(self) -> None:
        """A process begins."""
        self.starts += 1
        self.clock = EventClock(self.machine.clock())
        self.database = Database(self.path, self.clock.monotonic)
        self.outbox = Outbox(self.database, self.limit_bytes, self.clock, f"start{self.starts}")
        self.inbox = Inbox(self.database)

    def restart(self) -> None:
        """It ends in an orderly way, and begins again."""
        self.database.close()
        self.start()

    def kill(self) -> None:
        """It ends without doing anything, and the next finds the files as they lay there."""
        image = self.path.with_name(f"killed{self.starts}")
        image.mkdir()
        for path in self.path.parent.glob("control.db*"):
            shutil.copy(path, image / path.name)
        self.database.close()
        for path in self.path.parent.glob("control.db*"):
            path.unlink()
        for path in image.iterdir():
            path.replace(self.path.with_name(path.name))
        image.rmdir()
        self.start()

    def happen(self, *numbers: int, kind: str = "stream", padding: str = "") -> None:
        """Events, and a commit."""
        for number in numbers:
            self.outbox.add(kind, {"n": number, "padding": padding})
        assert self.database.commit(), self.database.fault

    def send(self, most: int = 10**6, *, answer: bool = True) -> list[Stored]:
        """What a broker gets now, and whether it says so."""
        sent: list[Stored] = []
        while len(sent) < most and (stored := self.outbox.next()):
            sent.append(stored)
            if answer:
                self.outbox.acknowledged(stored, heard=True)
        return sent

    @property
    def seqs(self) -> list[int]:
        """Of the events that are in the file."""
        return [seq for (seq,) in self.database.rows("SELECT seq FROM event ORDER BY seq")]
