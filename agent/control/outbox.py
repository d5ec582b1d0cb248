"""Outbox: events, from when they happen until a broker has them, and for a day after."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from agent.control import event_rows
from agent.control.database_file import crc
from agent.control.event_rows import Held, Loss, Tally
from agent.control.messages import Event
from agent.control.refusal import Refusal
from agent.control.replays import Replays
from agent.control.starts import Starts
from agent.control.stored import Stored, data_of, json_of
from agent.control.watermark import Watermark

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from agent.control.clock import EventClock
    from agent.control.database import Database
    from agent.control.messages import EventKind, Scalar

MOST_HELD = 1000
"""Events that wait in memory for a disk: 3 minutes at 5 a second. Chosen, not measured."""

_ROW = (
    "SELECT seq, start, kind, mono_ms, CAST(data AS BLOB), crc FROM event "
    "WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT 1"
)
_COUNTS = "SELECT count(*), coalesce(sum(seq > ? AND seq <= ?), 0) FROM event"


class Outbox:
    """Keeps events in a database until a broker has them.

    An event gets its number when it is written, and is handed out only after that: what a kill
    takes with it never had a number, and no number is given twice in an epoch. A number is missing
    only if a `drop` event tells of it: its `data` are reason, count, from_seq and to_seq.

    Args:
        limit_bytes: what events may take up in the file. Once they do, acknowledged ones go first,
            then those of tracks, then the oldest others, last what tells of dropped ones.
        boot_id: names this start of the agent.

    Attributes:
        dropped: events lost since this was made, as far as they can be counted.
        unheard: events that a broker took while nobody had subscribed.
        told: events that a broker has taken, by kind.
    """

    def __init__(
        self, database: Database, limit_bytes: int, clock: EventClock, boot_id: str
    ) -> None:
        self._database, self._limit_bytes, self._clock = database, limit_bytes, clock
        self.dropped = self.unheard = 0
        self.told: Counter[EventKind] = Counter()
        self._held: list[Held] = []
        self._losses: dict[str, Loss] = {}
        self._tally = self._tally_after = Tally()
        self._loss_after: Loss | None = None
        self._starts = Starts(clock, boot_id)
        self._watermark, self._replays = Watermark(), Replays()
        self._replay_next = False
        database.hold(self)

    @property
    def epoch(self) -> str:
        """Names what `seq` counts in; empty until a file could be opened."""
        return self._database.epoch

    @property
    def last(self) -> int:
        """Number of the newest event that is written down; 0: there was none in this epoch."""
        return self._tally.last

    @property
    def depth(self) -> int:
        """Events that no broker has acknowledged."""
        return self._tally.rows - self._tally.acked_rows + len(self._held)

    @property
    def depth_bytes(self) -> int:
        """What they take up."""
        held = sum(each.size_bytes for each in self._held)
        return self._tally.size_bytes - self._tally.acked_bytes + held

    def add(self, kind: EventKind, data: Mapping[str, Scalar]) -> None:
        """Something happened; it is safe after the next commit.

        What a disk does is never raised. While nothing can be written, `MOST_HELD` events are kept
        in memory: tracks go first, then the oldest. So many at once are written right away. Texts
        are shortened to what a message takes.

        Raises:
            ValueError: a value that no message can hold, such as NaN.
        """
        self._held.append(Held(kind, self._clock.mono_ms(), json_of(data)))
        full = len(self._held) > MOST_HELD
        if full and (self._database.fault or not self._database.commit()):
            at = next((n for n, each in enumerate(self._held) if each.kind == "track"), 0)
            del self._held[at]
            self._lose(Loss(f"could not be written: {self._database.fault}", 1))

    def next(self) -> Stored | None:
        """What is to be published next, each once until `rewind`; None: nothing now.

        What is sent again takes turns with what never was.
        """
        turns = [self._fresh, self._replayed]
        for turn in reversed(turns) if self._replay_next else turns:
            if stored := turn():
                self._replay_next = turn == self._fresh
                return stored
        return None

    def rewind(self) -> None:
        """A new connection: whatever is not acknowledged comes again, in order."""
        self._watermark.rewind()
        self._replays.rewind()

    def acknowledged(self, stored: Stored, *, heard: bool) -> None:
        """A broker has it; that is written with the next commit, and causes none.

        Args:
            heard: whether anybody had subscribed, as far as the broker says.
        """
        self.unheard += not heard
        self.told[stored.kind] += 1
        if stored.epoch != self.epoch:
            return  # the number is another event's by now
        self._replays.acknowledged(stored.seq)
        size_bytes = self._watermark.acknowledged(stored.seq)
        if size_bytes is not None:
            self._tally = self._tally.acknowledged(size_bytes)

    def lost(self, reason: str, count: int) -> None:
        """So many events could not even be added; a `drop` event will tell."""
        self._lose(Loss(reason, count))

    def is_of_past(self, boot_id: str) -> bool:
        """Whether a start of the agent had this id, as far as the file says."""
        return self._starts.knows(boot_id)

    def replay(self, epoch: str, from_seq: int, to_seq: int) -> int:
        """Send what a broker has had and is still there once more; how many that are.

        What was never acknowledged is sent anyway, and not counted. A start of the agent forgets
        what it was asked for.

        Raises:
            Refusal: nothing of it is there, or too much is asked for at once.
        """
        to_seq = min(to_seq, self._tally.last)  # and so no more than SQLite can count to
        there = from_seq <= to_seq and self._row(from_seq, to_seq)
        if epoch != self.epoch or not there:
            raise Refusal("not_found", f"nothing from {from_seq} on is left of {epoch}")
        if self._replays.is_full:
            raise Refusal("busy", "too many gaps are being filled; ask again once they are")
        mark = self._watermark
        ranges = [(from_seq, min(to_seq, mark.through))]
        ranges += [(seq, seq) for seq in mark.beyond if from_seq <= seq <= to_seq]
        self._replays.ask(ranges)
        counted = "SELECT count(*) FROM event WHERE seq BETWEEN ? AND ?"
        return sum(count for each in ranges for (count,) in self._database.rows(counted, *each))

    def event_of(self, stored: Stored) -> Event:
        """What is to be said of it, with the best that is known by now of when it was."""
        return Event(
            id=stored.id,
            epoch=stored.epoch,
            seq=stored.seq,
            boot_id=stored.boot_id,
            mono_ms=stored.mono_ms,
            ts=self._clock.ts_of(stored.mono_ms, stored.machine_boot),
            clock_synced=self._clock.synced,
            data=stored.data,
        )

    @property
    def waits(self) -> bool:
        """Whether something is to be written; acknowledgements alone are not."""
        expired = self._tally.expired(self._database.used_s)
        return bool(self._held or self._losses or expired or self._starts.is_stale)

    def opened(self, lost: str) -> None:
        """Go on from what the file says."""
        said = self._database.fact("outbox")
        tally = Tally.model_validate_json(said) if said else Tally()
        counts = self._database.read(_COUNTS, tally.through, tally.last)
        self._starts.opened(self._database)
        if lost:
            before = self._tally
            self._lose(Loss(lost, before.rows - before.acked_rows if before.last else None))
        if not tally.fits(counts):
            self._database.damaged("events are missing, or too many")
        self._tally, self._replays = tally, Replays()
        self._watermark = Watermark(tally.through, tally.beyond)
        self._clock.not_before(tally.newest_s)

    def write(self, sql: sqlite3.Connection) -> None:
        """Write what is held back; delete what is old, and what is too much."""
        used_s, tally = self._database.used_s, self._tally
        losses = [self._told(loss) for loss in self._losses.values()]
        events = [*losses, *self._held]
        start = self._starts.write(sql)
        tally = event_rows.insert(sql, tally, start, events).marked(self._watermark, used_s)
        tally = event_rows.forget(sql, tally, self._limit_bytes, used_s)
        tally, self._loss_after = event_rows.drop(sql, tally, self._limit_bytes, self._watermark)
        if self._loss_after:
            tally = event_rows.insert(sql, tally, start, [self._told(self._loss_after)])
        self._starts.forget(sql)
        if self._clock.synced:
            now_s = self._clock.now() or 0.0
            tally = tally.model_copy(update={"newest_s": max(tally.newest_s, now_s)})
        self._database.put("outbox", tally.model_dump_json())
        self._tally_after = tally

    def written(self) -> None:
        """It is safe: the numbers may be told."""
        self._tally = self._tally_after
        self._starts.written()
        self._held.clear()
        self._losses.clear()
        if self._loss_after:
            self.dropped += self._loss_after.count or 0

    def _fresh(self) -> Stored | None:
        mark = self._watermark
        if mark.cursor >= self._tally.last:  # most of the time, and a query less
            return None
        while row := self._row(mark.cursor + 1, self._tally.last):
            seq, size_bytes = row[0], event_rows.ROW_BYTES + len(row[4])
            if seq in mark.beyond:
                mark.passed(seq)
                continue
            mark.handed(seq, size_bytes)
            if stored := self._stored(row):
                return stored
            self._lose(Loss("a row was damaged", 1, seq, seq))
            mark.acknowledged(seq)
            self._tally = self._tally.acknowledged(size_bytes)
        return None

    def _replayed(self) -> Stored | None:
        while asked := self._replays.first:
            row = self._row(*asked)
            if row is None:
                self._replays.passed(asked[1])
            elif stored := self._stored(row):
                self._replays.handed(stored.seq)
                return stored
            else:
                self._replays.passed(row[0])
        return None

    def _row(self, low: int, high: int) -> tuple[Any, ...] | None:
        return next(iter(self._database.rows(_ROW, low, high)), None)

    def _stored(self, row: tuple[Any, ...]) -> Stored | None:
        """What a row holds; None if that is not what was written."""
        seq, start, kind, mono_ms, data, checksum = row
        began = self._starts.of(start)
        if began is None or crc(*row[:-1]) != checksum:
            return None
        return Stored(self.epoch, seq, kind, *began, mono_ms, data_of(data))

    def _told(self, loss: Loss) -> Held:
        return Held("drop", self._clock.mono_ms(), json_of(loss.data))

    def _lose(self, loss: Loss) -> None:
        earlier = self._losses.get(loss.reason)
        self._losses[loss.reason] = earlier.and_also(loss) if earlier else loss
        self.dropped += loss.count or 0
