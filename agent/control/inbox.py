"""Inbox: commands that came, and what was answered, so that none is done twice."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from agent.control.messages import MAX_AHEAD_S, MAX_TTL_S, Result
from agent.control.ops import OPS
from agent.control.refusal import Refusal

if TYPE_CHECKING:
    import sqlite3

    from agent.control.database import Database

MOST_ROWS = 20_000
MOST_BYTES = 32 * 2**20
"""Of commands and of their answers: a command every 30 s for a week, or 350 large snapshots.
Chosen, not measured."""
SHARE = 16
"""A limit that is reached is undercut by this part of it, so that deleting is rare."""
LARGE_BYTES = 1000
"""An answer of more gives way, if need be, to one that says no more than that it is done."""

_ENTRY = "SELECT id, op, digest, CAST(args AS BLOB), CAST(result AS BLOB), delivered FROM command"
_SIZE = "SELECT coalesce(sum(length(args)), 0) + coalesce(sum(length(result)), 0) FROM command"
_LOOKS = tuple(name for name, op in OPS.items() if op.role == "viewer")
"""Ops that change nothing: done twice, they do no harm."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A command that was taken on.

    Attributes:
        digest: of op and arguments; another one under the same id is another command.
        args_json: empty once there is a result.
        result_json: the terminal `Result`; None: it was not done yet.
        delivered: whether a broker has the result.
    """

    id: str
    op: str
    digest: str
    args_json: str
    result_json: str | None = None
    delivered: bool = False


class Inbox:
    """Keeps commands in a database: open, then answered, then delivered.

    `MOST_ROWS` are remembered, whatever their age. If there are more, those are forgotten first that
    are older than any time to live and whose answer is delivered; then those that only looked at
    something, which anybody may do as often as he likes; then others whose answer is delivered, the
    oldest first. An open one is never forgotten. What was forgotten would be done again if it came
    again. Where answers exceed `MOST_BYTES`, the oldest large ones
    are cut: a copy of such a snapshot is answered as done, without a picture.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open: dict[str, Entry] = {}
        self._begun: set[str] = set()
        self._held: dict[str, Entry] = {}
        self._arrived: set[str] = set()
        self._rows = self._size_bytes = 0
        self._after = 0, 0
        database.hold(self)

    def look_up(self, command_id: str) -> Entry | None:
        """What is known of a command; None: it is new."""
        if entry := self._held.get(command_id) or self._open.get(command_id):
            return entry
        return next(iter(self._entries("WHERE id = ?", command_id)), None)

    def add(self, command_id: str, op: str, digest: str, args_json: str) -> None:
        """Remember a command that is not known; it is safe when this returns.

        Raises:
            Refusal: it can't be, so it must not be begun: it might be done twice.
        """
        entry = Entry(command_id, op, digest, args_json)
        self._held[command_id] = self._open[command_id] = entry
        self._begun.add(command_id)
        if self._database.commit():
            return
        del self._held[command_id], self._open[command_id]
        self._begun.discard(command_id)
        fault = self._database.fault
        raise Refusal("busy", f"nothing was done, as no command can be remembered now: {fault}")

    def finish(self, command_id: str, result_json: str) -> None:
        """An open command has its answer, which is safe after the next commit.

        If the disk is full, it is known all the same, and may be published: what was done was done.
        Only a kill before there is room again makes the next start find the command open.

        Raises:
            KeyError: no such command is open.
        """
        entry = self._open.pop(command_id)
        self._begun.discard(command_id)
        self._held[command_id] = replace(entry, args_json="", result_json=result_json)

    def delivered(self, command_id: str) -> None:
        """A broker has the answer; that is written with the next commit, and causes none."""
        self._arrived.add(command_id)

    def undelivered(self) -> list[Entry]:
        """Answers that no broker has, in order."""
        stored = self._entries("WHERE result NOT NULL AND NOT delivered ORDER BY number")
        found = {entry.id: entry for entry in stored}
        found.update(self._held)
        return [
            entry
            for entry in found.values()
            if entry.result_json is not None and entry.id not in self._arrived
        ]

    def unfinished(self) -> list[Entry]:
        """What an earlier start of the agent left open.

        To be asked for at each connection: where a disk came late, so does this.
        """
        return [entry for entry in self._open.values() if entry.id not in self._begun]

    @property
    def waits(self) -> bool:
        """Whether something is to be written; what was delivered alone is not."""
        return bool(self._held)

    def opened(self, lost: str) -> None:
        """Go on from what the file says; what is being done stays known, whatever it says."""
        ((rows,),) = self._database.read("SELECT count(*) FROM command")
        ((size_bytes,),) = self._database.read(_SIZE)
        still_open = self._database.read(f"{_ENTRY} WHERE result IS NULL ORDER BY number")
        self._rows, self._size_bytes = rows, size_bytes
        earlier = {entry.id: entry for entry in map(_entry, still_open)}
        self._open = {**earlier, **self._open}
        for entry_id in self._held:
            self._open.pop(entry_id, None)
        if lost:
            self._held = {**self._open, **self._held}

    def write(self, sql: sqlite3.Connection) -> None:
        """Write what is held back; forget what is too much."""
        used_s, rows, size_bytes = self._database.used_s, self._rows, self._size_bytes
        for entry in self._held.values():
            args = entry.args_json.encode()
            result = entry.result_json.encode() if entry.result_json else None
            sql.execute(
                "INSERT INTO command(id, op, digest, used_s, delivered, args, result) "
                "VALUES (?, ?, ?, ?, 0, ?, ?) "
                "ON CONFLICT(id) DO UPDATE SET args = excluded.args, result = excluded.result",
                (entry.id, entry.op, entry.digest, used_s, args, result),
            )
            rows += result is None
            size_bytes += len(result or args)  # at most: it is counted before anything is cut
        sql.executemany(
            "UPDATE command SET delivered = 1 WHERE id = ?", ((each,) for each in self._arrived)
        )
        if size_bytes > MOST_BYTES:
            size_bytes = _cut(sql)
        if rows > MOST_ROWS:
            before_s = used_s - MAX_TTL_S - MAX_AHEAD_S
            rows -= _forget(sql, rows - MOST_ROWS + MOST_ROWS // SHARE, before_s)
        self._after = rows, size_bytes

    def written(self) -> None:
        """It is safe."""
        self._rows, self._size_bytes = self._after
        self._held.clear()
        self._arrived.clear()

    def _entries(self, which: str, *values: object) -> list[Entry]:
        return list(map(_entry, self._database.rows(f"{_ENTRY} {which}", *values)))


def _entry(row: tuple[Any, ...]) -> Entry:
    command_id, op, digest, *texts, delivered = row
    # A bit may have turned in them, which must not stop a start.
    args, result = (raw and raw.decode(errors="replace") for raw in texts)
    return Entry(command_id, op, digest, args or "", result, bool(delivered))


def _cut(sql: sqlite3.Connection) -> int:
    """Make the oldest large answers short, delivered ones first; how much all are then."""
    ((size_bytes,),) = sql.execute(_SIZE)
    excess_bytes = size_bytes - MOST_BYTES + MOST_BYTES // SHARE
    large = (
        "SELECT id, op, length(result) FROM command WHERE length(result) > ? "
        "ORDER BY delivered DESC, number"
    )
    freed = 0
    cut: list[tuple[bytes, str]] = []
    with closing(sql.execute(large, (LARGE_BYTES,))) as found:
        for command_id, op, length in found:
            if freed >= excess_bytes:
                break
            short = Result(id=command_id, op=op, state="done").model_dump_json().encode()
            cut.append((short, command_id))
            freed += length - len(short)
    sql.executemany("UPDATE command SET result = ? WHERE id = ?", cut)
    return int(size_bytes) - freed


def _forget(sql: sqlite3.Connection, most: int, before_s: float) -> int:
    """Delete rows that are answered; how many."""
    places = ", ".join("?" * len(_LOOKS))
    return sql.execute(
        "DELETE FROM command WHERE number IN (SELECT number FROM command WHERE result NOT NULL "  # noqa: S608 question marks
        f"ORDER BY delivered AND used_s < ? DESC, op IN ({places}) DESC, delivered DESC, number "
        "LIMIT ?)",
        (before_s, *_LOOKS, most),
    ).rowcount
