"""RecordFile: where a record lies, and how several processes change it in turn."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agent.sealed_file import SealedFile
from agent.update.record import Record
from models.part_file import sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NAME = "record.json"
_LOCK = "lock"


class DamagedRecordError(Exception):
    """Neither the record nor its copy can be read; one line says so, and what to do."""


class RecordFile:
    """`record.json` in a folder.

    Args:
        folder: is made where it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = SealedFile(folder / NAME, Record)
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
                self._file.write(after)
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
            found = self._file.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _read(self) -> Record:
        kept = self._file.read()
        if kept.value is None and kept.wrong:
            raise DamagedRecordError(
                f"{kept.wrong}, and its copy is of no use: nobody knows which versions have run here, "
                "and nothing is installed until a person mends or deletes both"
            )
        return kept.value or Record()
