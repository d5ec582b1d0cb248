"""EventDatabase: events in SQLite, for one writer or several on one machine.

`events` holds them in the order in which they came (`rowid`), `lost` the numbers of those that
a device could not send any more.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agent.errors import OutputError
from agent.fleet.event_files import Kept

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from agent.fleet.event_heard import EventHeard
    from agent.fleet.gaps import Lost

_APPLICATION = 0x5366_4576  # "SfEv"; tells our files from others
_VERSION = 1
_BUSY_S = 30.0
"""How long to wait for another writer, which needs milliseconds. Chosen, not measured."""

_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS events (
    device TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL,
    id TEXT NOT NULL, boot_id TEXT NOT NULL, mono_ms INTEGER NOT NULL, ts REAL,
    clock_synced INTEGER NOT NULL, data TEXT NOT NULL,
    UNIQUE (device, epoch, seq)
);
CREATE TABLE IF NOT EXISTS lost (
    device TEXT NOT NULL, epoch TEXT NOT NULL, from_seq INTEGER NOT NULL, to_seq INTEGER NOT NULL,
    before INTEGER NOT NULL,
    UNIQUE (device, epoch, from_seq, to_seq)
);
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {_VERSION};
COMMIT;
"""

_KEPT = """
SELECT device, epoch, MIN(seq), MAX(seq), MIN(came) FROM (
    SELECT device, epoch, seq, rowid AS came,
        seq - ROW_NUMBER() OVER (PARTITION BY device, epoch ORDER BY seq) AS island
    FROM events {where}
) GROUP BY device, epoch, island
"""
"""Where neighbours in number are neighbours in rank, they are one range."""


class EventDatabase:
    """A file; see `agent.fleet.event_files.EventFile`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._reported():
            self._sqlite = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
        try:
            with self._reported():
                self._prepare()
        except BaseException:
            self._sqlite.close()
            raise

    def kept(self) -> Iterator[Kept]:
        """All that is there, an epoch that began earlier first."""
        with self._reported():
            heard = self._sqlite.execute(_KEPT.format(where="")).fetchall()
            lost = self._sqlite.execute("SELECT device, epoch, from_seq, to_seq FROM lost")
            for device, epoch, first, last, _ in sorted(heard, key=lambda row: row[-1]):
                yield Kept(device, epoch, first, last)
            for device, epoch, first, last in lost.fetchall():
                yield Kept(device, epoch, first, last, lost=True)

    def kept_between(self, device: str, epoch: str, first: int, last: int) -> Iterable[Kept]:
        """What of these is there by now, whoever wrote it."""
        where = "WHERE device = ? AND epoch = ? AND seq BETWEEN ? AND ?"
        with self._reported():
            found = self._sqlite.execute(
                _KEPT.format(where=where), (device, epoch, first, last)
            ).fetchall()
            lost = self._sqlite.execute(
                "SELECT device, epoch, from_seq, to_seq FROM lost "
                "WHERE device = ? AND epoch = ? AND to_seq >= ? AND from_seq <= ?",
                (device, epoch, first, last),
            ).fetchall()
        heard = [Kept(device, epoch, low, high) for *_, low, high, _ in found]
        return heard + [Kept(device, epoch, low, high, lost=True) for *_, low, high in lost]

    def write(self, events: Sequence[EventHeard], lost: Sequence[Lost]) -> None:
        """Add what is not there yet, in one transaction, on the disk when this returns."""
        with self._reported():
            self._sqlite.execute("BEGIN IMMEDIATE")
            try:
                self._sqlite.executemany(
                    "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    map(_row, events),
                )
                self._sqlite.executemany(
                    "INSERT OR IGNORE INTO lost VALUES (?, ?, ?, ?, ?)",
                    [
                        (each.device, each.epoch, each.first, each.last, each.before)
                        for each in lost
                    ],
                )
                self._sqlite.execute("COMMIT")
            except BaseException:
                if self._sqlite.in_transaction:
                    self._sqlite.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Nothing more is written."""
        self._sqlite.close()

    def _prepare(self) -> None:
        (application,) = self._sqlite.execute("PRAGMA application_id").fetchone()
        (version,) = self._sqlite.execute("PRAGMA user_version").fetchone()
        (tables,) = self._sqlite.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        if tables and (application, version) != (_APPLICATION, _VERSION):
            raise OutputError(f"{self._path} is another program's database; name another file")
        self._sqlite.execute("PRAGMA journal_mode = WAL")
        self._sqlite.execute("PRAGMA synchronous = FULL")
        self._sqlite.executescript(_SCHEMA)

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise OutputError(f"{self._path}: can't keep events there ({error})") from error


def _row(heard: EventHeard) -> tuple[object, ...]:
    event = heard.event
    data = json.dumps(event.data, separators=(",", ":"))
    return (
        *(heard.device, event.epoch, event.seq, heard.kind, event.id, event.boot_id),
        *(event.mono_ms, event.ts, event.clock_synced, data),
    )
