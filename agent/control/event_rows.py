"""Rows of events: written, counted, and deleted in the order in which they are missed least."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.control.database_file import crc
from models.strict_model import StrictModel

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from agent.control.messages import EventKind, Scalar
    from agent.control.watermark import Watermark

KEPT_S = 86400.0
KEPT_BYTES = 64 * 2**20
"""Acknowledged events stay for so long, and so many, for whoever did not hear them: a broker that
is killed loses what it has acknowledged."""
MARK_S = 3600.0
"""How often it is noted what is acknowledged by then; by so much may an event stay longer."""
ROW_BYTES = 48
"""What an event takes in the file beside its data: 45 measured, with 700,000 of 300 bytes."""
SHARE = 16
"""A limit that is reached is undercut by this part of it, so that deleting is rare."""

_DROPPED_FIRST = ("kind = 'track'", "kind NOT IN ('track', 'drop')", "kind = 'drop'")


@dataclass(frozen=True, slots=True)
class Held:
    """An event in memory, which has no number yet.

    Attributes:
        data: JSON.
    """

    kind: EventKind
    mono_ms: int
    data: bytes

    @property
    def size_bytes(self) -> int:
        """What it will take in the file."""
        return ROW_BYTES + len(self.data)


@dataclass(frozen=True, slots=True)
class Loss:
    """Events that are gone.

    Attributes:
        count: None: nobody knows.
        from_seq: the first; None: they had no numbers yet, or had them in another epoch.
    """

    reason: str
    count: int | None
    from_seq: int | None = None
    to_seq: int | None = None

    def and_also(self, other: Loss) -> Loss:
        """Both in one."""
        counts = (self.count, other.count)
        seqs = [seq for each in (self, other) for seq in (each.from_seq, each.to_seq) if seq]
        return Loss(
            self.reason,
            None if None in counts else sum(filter(None, counts)),
            min(seqs, default=None),
            max(seqs, default=None),
        )

    @property
    def data(self) -> dict[str, Scalar]:
        """Of the event that tells it."""
        return {
            "reason": self.reason,
            "count": self.count,
            "from_seq": self.from_seq,
            "to_seq": self.to_seq,
        }


class Tally(StrictModel):
    """What is known of the rows without looking at them; written with each commit.

    Attributes:
        last: the number given last.
        through: all up to it are acknowledged.
        beyond: further ones that are.
        marks: what was acknowledged through at some ages of the file, in seconds.
        newest_s: the newest Unix time that a better clock vouched for.
    """

    last: int = 0
    through: int = 0
    beyond: tuple[int, ...] = ()
    rows: int = 0
    size_bytes: int = 0
    acked_rows: int = 0
    acked_bytes: int = 0
    marks: tuple[tuple[int, float], ...] = ()
    newest_s: float = 0.0

    def fits(self, counts: Sequence[tuple[int, int]]) -> bool:
        """Whether there are so many rows, and so many behind `through`: a bit may turn in a seq."""
        return list(counts) == [(self.rows, self.rows - self.acked_rows + len(self.beyond))]

    def acknowledged(self, size_bytes: int) -> Tally:
        """One more is."""
        return self.model_copy(
            update={
                "acked_rows": self.acked_rows + 1,
                "acked_bytes": self.acked_bytes + size_bytes,
            }
        )

    def marked(self, watermark: Watermark, used_s: float) -> Tally:
        """With what is acknowledged by now."""
        marks = self.marks
        last_seq, last_s = marks[-1] if marks else (0, used_s - MARK_S)
        if watermark.through > last_seq and used_s - last_s >= MARK_S:
            marks += ((watermark.through, used_s),)
        return self.model_copy(
            update={
                "through": watermark.through,
                "beyond": tuple(sorted(watermark.beyond)),
                "marks": marks,
            }
        )

    def expired(self, used_s: float) -> int:
        """Up to which all have been acknowledged for `KEPT_S`, and are still there; 0: none."""
        return max((seq for seq, then_s in self.marks if used_s - then_s >= KEPT_S), default=0)


def insert(sql: sqlite3.Connection, tally: Tally, start: int, events: Sequence[Held]) -> Tally:
    """Write events and give them the next numbers."""
    rows = []
    for seq, each in enumerate(events, tally.last + 1):
        row = seq, start, each.kind, each.mono_ms, each.data
        rows.append((*row, crc(*row)))
    sql.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)", rows)
    return tally.model_copy(
        update={
            "last": tally.last + len(events),
            "rows": tally.rows + len(events),
            "size_bytes": tally.size_bytes + sum(each.size_bytes for each in events),
        }
    )


def forget(sql: sqlite3.Connection, tally: Tally, limit_bytes: int, used_s: float) -> Tally:
    """Delete what was acknowledged long ago, or so much that it takes up too much."""
    expired = tally.expired(used_s)
    excess = max(
        _excess(tally.acked_bytes, KEPT_BYTES),
        _excess(tally.size_bytes, limit_bytes),
    )
    if not expired and not excess:
        return tally
    rows = "SELECT seq, length(data) FROM event WHERE seq <= ? ORDER BY seq"
    sizes: dict[int, int] = {}
    freed = 0
    with closing(sql.execute(rows, (tally.through,))) as found:
        for seq, length in found:
            if seq > expired and freed >= excess:
                break
            sizes[seq] = ROW_BYTES + length
            freed += sizes[seq]
    sql.execute("DELETE FROM event WHERE seq <= ?", (max(sizes, default=0),))
    marks = tuple(mark for mark in tally.marks if mark[0] > expired)
    return tally.model_copy(
        update={
            "rows": tally.rows - len(sizes),
            "size_bytes": tally.size_bytes - freed,
            "acked_rows": tally.acked_rows - len(sizes),
            "acked_bytes": tally.acked_bytes - freed,
            "marks": marks,
        }
    )


def drop(
    sql: sqlite3.Connection, tally: Tally, limit_bytes: int, watermark: Watermark
) -> tuple[Tally, Loss | None]:
    """Delete what was never sent, if all take up too much; what was lost by that."""
    excess = _excess(tally.size_bytes, limit_bytes)
    sizes: dict[int, int] = {}
    freed = 0
    for which in _DROPPED_FIRST if excess else ():
        rows = f"SELECT seq, length(data) FROM event WHERE seq > ? AND {which} ORDER BY seq"  # noqa: S608 one of the three
        with closing(sql.execute(rows, (watermark.cursor,))) as found:
            for seq, length in found:
                if freed >= excess:
                    break
                if seq not in watermark.beyond:
                    sizes[seq] = ROW_BYTES + length
                    freed += sizes[seq]
    if not sizes:
        return tally, None
    sql.executemany("DELETE FROM event WHERE seq = ?", ((seq,) for seq in sizes))
    tally = tally.model_copy(
        update={"rows": tally.rows - len(sizes), "size_bytes": tally.size_bytes - freed}
    )
    return tally, Loss("the outbox is full", len(sizes), min(sizes), max(sizes))


def _excess(size_bytes: int, limit_bytes: int) -> int:
    return size_bytes - limit_bytes + limit_bytes // SHARE if size_bytes > limit_bytes else 0
