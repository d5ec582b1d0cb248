"""Starts of the agent that events are of, and when the machine had booted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.control.database_file import crc

if TYPE_CHECKING:
    import sqlite3

    from agent.control.clock import EventClock
    from agent.control.database import Database

DRIFT_S = 0.5
"""When the machine booted is noted anew once the clock says otherwise by this: what events say
stays right within a second. Chosen, not measured."""


class Starts:
    """A row for each start of which there are events, so that an event need not repeat it.

    Args:
        boot_id: names this start.
    """

    def __init__(self, clock: EventClock, boot_id: str) -> None:
        self._clock, self._boot_id = clock, boot_id
        self._known: dict[int, tuple[str, str]] = {}
        self._own: int | None = None
        self._noted_s: float | None = None
        self._after: tuple[int | None, float | None] = (None, None)

    def opened(self, database: Database) -> None:
        """Read what is known from before."""
        rows = "SELECT number, boot_id, machine_boot, booted_s, crc FROM start ORDER BY number"
        found = database.read(rows)
        self._known, self._own, self._noted_s = {}, None, None
        for number, boot_id, machine_boot, booted_s, checksum in found:
            if crc(boot_id, machine_boot, booted_s) != checksum:
                continue  # and so are its events
            self._known[number] = boot_id, machine_boot
            if booted_s is not None:
                self._clock.remember(machine_boot, booted_s)

    def of(self, number: int) -> tuple[str, str] | None:
        """The start's own id and that of the machine's boot."""
        return self._known.get(number)

    def knows(self, boot_id: str) -> bool:
        """Whether a start of which there are events, or this one, has this id."""
        return any(boot_id == known for known, _ in self._known.values())

    @property
    def is_stale(self) -> bool:
        """Whether this start is not written yet, or the clock was set since."""
        booted_s = self._clock.booted_s
        if self._own is None:
            return True
        if booted_s is None:
            return False
        return self._noted_s is None or abs(booted_s - self._noted_s) > DRIFT_S

    def write(self, sql: sqlite3.Connection) -> int:
        """Write this start, if that is needed; its number."""
        own, noted_s = self._own, self._noted_s
        if own is None or self.is_stale:
            noted_s = self._clock.booted_s
            row = self._boot_id, self._clock.machine_boot, noted_s
            replaced = "REPLACE INTO start VALUES (?, ?, ?, ?, ?)"
            own = sql.execute(replaced, (own, *row, crc(*row))).lastrowid
        self._after = own, noted_s
        return own or 0

    def written(self) -> None:
        """It will be there after a power cut."""
        self._own, self._noted_s = self._after
        if self._own is not None:
            self._known[self._own] = self._boot_id, self._clock.machine_boot

    def forget(self, sql: sqlite3.Connection) -> None:
        """Delete those of which there is no event any more."""
        sql.execute(
            "DELETE FROM start WHERE number < (SELECT start FROM event ORDER BY seq LIMIT 1)"
        )
