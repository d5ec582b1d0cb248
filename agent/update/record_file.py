"""RecordFile: where a record lies, with a copy, and how several processes change it in turn."""

from __future__ import annotations

import fcntl
import hashlib
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agent.update.record import Record
from models.part_file import sweep
from models.strict_model import StrictModel
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NAME = "record.json"
_COPY = "record.copy.json"
_LOCK = "lock"
_MOST_BYTES = 1 << 20
"""Chosen: eight times a record that remembers as much as it may."""


class DamagedRecordError(Exception):
    """Neither the record nor its copy can be read; one line says so, and what to do."""


class _Sealed(StrictModel):
    """What the file holds: a bit that fell over must not become another model."""

    record: Record
    sha256: str


class RecordFile:
    """`record.json` in a folder.

    Args:
        folder: is made where it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path, self._copy = folder / NAME, folder / _COPY
        self._known: tuple[tuple[int, int, int], Record] | None = None

    def read(self) -> Record:
        """What is true now; an empty one where there is none yet.

        Raises:
            DamagedRecordError: nobody knows.
        """
        stamp = self._stamp()
        if self._known is not None and self._known[0] == stamp:
            return self._known[1]
        record = self._read()
        self._known = None if stamp is None else (stamp, record)
        return record

    def change(self, rule: Callable[[Record], Record]) -> Record:
        """Have a rule say what is true from now on; it is on the disk when this returns.

        Raises:
            DamagedRecordError: nobody knows what it would change.
            OSError: it can't be written; all is as it was, or as the rule says.
        """
        with self.locked():
            before = self.read()
            after = rule(before)
            if after != before:
                for path in (self._path, self._copy):  # one of both is good, whenever power fails
                    _write(path, after)
            return after

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from changing anything meanwhile.

        Raises:
            OSError: the folder can't be made, or written to.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self._folder / _LOCK, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def sweep(self) -> None:
        """Delete what a killed process left beside it."""
        sweep(self._folder)

    def _stamp(self) -> tuple[int, int, int] | None:
        """Tells one file from the next that takes its place."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _read(self) -> Record:
        wrong: Exception | None = None
        try:
            if (record := _read(self._path)) is not None:
                return record
        except (OSError, ValueError) as error:
            wrong = error
        try:
            copy = _read(self._copy)
        except (OSError, ValueError):
            copy = None
        if copy is not None:
            return copy
        if wrong is None:
            return Record()
        if isinstance(wrong, OSError):
            raise DamagedRecordError(f"{self._path} can't be read ({wrong.strerror})")
        raise DamagedRecordError(
            f"{self._path} is damaged, and its copy is of no use: nobody knows which versions have "
            "run here, and nothing is installed until a person deletes both"
        )


def _read(path: Path) -> Record | None:
    """What a file holds; None where there is none.

    Raises:
        OSError: it can't be read.
        ValueError: it is damaged.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    sealed = _Sealed.model_validate_json(data)
    if sealed.sha256 != _digest(sealed.record):
        raise ValueError("its digest is another one")
    return sealed.record


def _write(path: Path, record: Record) -> None:
    with whole_file(path) as file:
        file.write(
            _Sealed(record=record, sha256=_digest(record)).model_dump_json(indent=1).encode()
        )


def _digest(record: Record) -> str:
    return hashlib.sha256(record.model_dump_json().encode()).hexdigest()
