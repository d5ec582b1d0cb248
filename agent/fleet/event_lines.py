"""EventLines: events as JSON, a line each, for one writer.

Lost ones are lines as well: `{"device", "epoch", "kind": "lost", "from_seq", "to_seq", "before"}`.
"""

from __future__ import annotations

import fcntl
import json
import os
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from agent.errors import OutputError
from agent.fleet.event_files import Kept
from agent.fleet.seq_ranges import SeqRanges

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from agent.fleet.event_heard import EventHeard
    from agent.fleet.gaps import Lost

_BLOCK_BYTES = 1 << 16


class _EventLine(BaseModel):
    """What of an event has to be known again."""

    model_config = ConfigDict(extra="ignore", strict=True)

    device: str
    epoch: str
    seq: int


class _LostLine(BaseModel):
    """What was lost."""

    model_config = ConfigDict(extra="ignore", strict=True)

    device: str
    epoch: str
    from_seq: int
    to_seq: int


_LINE: TypeAdapter[_EventLine | _LostLine] = TypeAdapter(_EventLine | _LostLine)


class EventLines:
    """A file; see `agent.fleet.event_files.EventFile`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._there: dict[tuple[str, str], SeqRanges] = {}
        self._lost: list[Kept] = []
        try:
            self._file = path.open("a+b", buffering=0)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            self._lock()
            self._bytes = self._cut_torn_line()
            self._read()
        except BaseException:
            self._file.close()
            raise

    def kept(self) -> Iterator[Kept]:
        """All that is there, an epoch that began earlier first."""
        for (device, epoch), ranges in self._there.items():
            for first, last in ranges:
                yield Kept(device, epoch, first, last)
        yield from self._lost

    def kept_between(self, device: str, epoch: str, first: int, last: int) -> Iterable[Kept]:  # noqa: ARG002
        """Nobody else writes here."""
        return ()

    def write(self, events: Sequence[EventHeard], lost: Sequence[Lost]) -> None:
        """Add what is not there yet; on the disk when this returns."""
        lines = [each.to_line() for each in self._new(events)] + [_lost_line(each) for each in lost]
        data = "".join(f"{line}\n" for line in lines).encode()
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
            os.fsync(self._file.fileno())
        except OSError as error:
            os.truncate(self._file.fileno(), self._bytes)  # half a line is none
            raise self._unwritable(error) from error
        self._bytes += len(data)

    def close(self) -> None:
        """Nothing more is written."""
        self._file.close()

    def _new(self, events: Sequence[EventHeard]) -> Iterator[EventHeard]:
        for each in events:
            device, epoch, seq = each.key
            there = self._there.setdefault((device, epoch), SeqRanges())
            if seq not in there:
                there.add(seq, seq)
                yield each

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(
                f"{self._path}: another collector writes to it; give each a file, or let both write "
                "to one database (.db)"
            ) from error

    def _cut_torn_line(self) -> int:
        """Take away what a killed writer did not finish; the size in bytes that is left."""
        size = at = self._file.seek(0, os.SEEK_END)
        while at > 0:
            start = max(0, at - _BLOCK_BYTES)
            self._file.seek(start)
            block = self._file.read(at - start)
            if (found := block.rfind(b"\n")) >= 0:
                at = start + found + 1
                break
            at = start
        if at < size:
            os.truncate(self._file.fileno(), at)
        return at

    def _read(self) -> None:
        self._file.seek(0)
        with os.fdopen(os.dup(self._file.fileno()), "rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    read = _LINE.validate_json(line)
                except ValidationError as error:
                    raise OutputError(
                        f"{self._path}:{number}: not an event; name another file to collect into"
                    ) from error
                if isinstance(read, _LostLine):
                    lost = Kept(read.device, read.epoch, read.from_seq, read.to_seq, lost=True)
                    self._lost.append(lost)
                    continue
                there = self._there.setdefault((read.device, read.epoch), SeqRanges())
                there.add(read.seq, read.seq)

    def _unwritable(self, error: OSError) -> OutputError:
        return OutputError(f"{self._path}: can't keep events there ({error.strerror})")


def _lost_line(lost: Lost) -> str:
    fields = {
        "device": lost.device,
        "epoch": lost.epoch,
        "kind": "lost",
        "from_seq": lost.first,
        "to_seq": lost.last,
        "before": lost.before,
    }
    return json.dumps(fields, separators=(",", ":"))
