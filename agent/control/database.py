"""Database: the file in which events and commands outlive a power cut."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from typing import TYPE_CHECKING, Any, Protocol

from agent.control.database_file import DamagedError, connect, crc, is_damage, set_aside

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_FACT = "SELECT value FROM fact WHERE name = ?"


class Store(Protocol):
    """What lives in the file; what it is told it holds back until a commit."""

    @property
    def waits(self) -> bool:
        """Whether something is to be written that can't wait for something else."""
        ...

    def opened(self, lost: str) -> None:
        """Go on from what a file that was opened says.

        Args:
            lost: why nothing of what was there before is in it; empty: it is.

        Raises:
            sqlite3.DatabaseError: it can't be read; this is asked again when it can.
        """
        ...

    def write(self, sql: sqlite3.Connection) -> None:
        """Write all that is held back; if the transaction fails, this is asked again."""
        ...

    def written(self) -> None:
        """It is written, and will be there after a power cut."""
        ...


class Database:
    """One file, of one process and of the one thread that makes this.

    What a disk does never raises here. While nothing can be written, `fault` says why, stores hold
    back what they are told, and each commit tries again. A file that is damaged or of another
    version is set aside as `NAME.damaged-N`; in its stead, and where it was deleted, a new one is
    begun, in a new epoch. One thing nobody can see: a disk that loses the end of the log after it
    has said that it was safe, as some memory cards do in a power cut.

    Args:
        path: of the file; its folder is made.
        monotonic: seconds, never back.

    Attributes:
        fault: why nothing can be written, in a line; empty if the last try succeeded.
        epoch: names this file; events are counted in it. Empty until a file was opened.
    """

    def __init__(self, path: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self.fault = self.epoch = ""
        self._monotonic = monotonic
        self._stores: list[Store] = []
        self._sql: sqlite3.Connection | None = None
        self._damage = self._lost = ""
        self._inode: tuple[int, int] | None = None
        self._used_s, self._opened_s = 0.0, monotonic()
        self._open()

    @property
    def used_s(self) -> float:
        """Seconds that the file has been in use, over all runs: what ages are counted in.

        It stands still while no agent runs, so nothing counts as older than it is; wall time jumps.
        """
        return self._used_s + self._monotonic() - self._opened_s

    def hold(self, store: Store) -> None:
        """Ask it, at each commit, for what to write."""
        self._stores.append(store)
        self._tell(store)

    def fact(self, name: str) -> str:
        """What was `put` there last, or an empty text.

        Raises:
            sqlite3.DatabaseError: the file can't be read.
        """
        return "".join(value for (value,) in self.read(_FACT, name))

    def put(self, name: str, value: str) -> None:
        """Write a fact, from a store's `write`."""
        assert self._sql is not None  # noqa: S101 a store writes where a file is open
        self._sql.execute("REPLACE INTO fact VALUES (?, ?, ?)", (name, value, crc(value)))

    def read(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What a query finds; nothing where no file is open.

        Raises:
            sqlite3.DatabaseError: the file can't be read.
        """
        return self._sql.execute(query, values).fetchall() if self._sql is not None else []

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What a query finds; nothing if the file can't be read."""
        try:
            return self.read(query, *values)
        except sqlite3.DatabaseError as error:
            self._note(error)
            return []

    def damaged(self, reason: str) -> None:
        """What a store has read can't be; the next commit begins another file."""
        self.fault = self._damage = reason

    def commit(self) -> bool:
        """Write what the stores hold back; False if that failed, and `fault` says why."""
        if self._damage or any(store.waits for store in self._stores):
            return self._write()
        return True

    def close(self) -> None:
        """Write also what could have waited, and let go of the file."""
        self._write()
        self._release()

    def _write(self) -> bool:
        if self._sql is None or self._damage or not self._is_there():
            self._replace()
        if self._sql is None:
            return False
        try:
            self._sql.execute("BEGIN IMMEDIATE")
            for store in self._stores:
                store.write(self._sql)
            self.put("used_s", f"{self.used_s:.1f}")
            self._sql.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            with contextlib.suppress(sqlite3.DatabaseError):
                if self._sql.in_transaction:  # for some errors SQLite has ended it
                    self._sql.execute("ROLLBACK")
            self._note(error)
            return False
        self.fault = self._lost = ""
        for store in self._stores:
            store.written()
        return True

    def _note(self, error: sqlite3.DatabaseError) -> None:
        self.fault = str(error)
        if is_damage(error):
            self.damaged(str(error))

    def _is_there(self) -> bool:
        """Whether what is written here can be found again: an open file outlives its deletion."""
        log = self.path.with_name(f"{self.path.name}-wal")
        return self._inode == _inode(self.path) and log.exists()

    def _replace(self) -> None:
        before = self.epoch
        self._release()
        self._open()
        if self._sql is not None and before and self.epoch != before:
            self._lost = self._lost or "the file was deleted"
        self._tell(*self._stores)

    def _tell(self, *stores: Store) -> None:
        """That a file is open; if they can't read it, it is not."""
        try:
            for store in stores if self._sql is not None else ():
                store.opened(self._lost)
        except sqlite3.DatabaseError as error:
            self._note(error)
            self._release()

    def _open(self) -> None:
        try:
            if self._damage:
                set_aside(self.path)
                self._lost, self._damage = self._damage, ""
            try:
                self._sql = connect(self.path)
            except DamagedError as error:
                set_aside(self.path)
                self._lost = str(error)
                self._sql = connect(self.path)
            self.epoch = self.fact("epoch")
            self._used_s, self._opened_s = float(self.fact("used_s") or 0), self._monotonic()
        except (sqlite3.DatabaseError, OSError, DamagedError) as error:
            self.fault = str(error)
            self._release()
        else:
            self.fault = ""
            self._inode = _inode(self.path)

    def _release(self) -> None:
        if self._sql is not None:
            with contextlib.suppress(sqlite3.DatabaseError):
                self._sql.close()
        self._sql = None


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
