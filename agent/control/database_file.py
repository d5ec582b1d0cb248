"""A database's file: opened if it is whole, begun anew if there is none, set aside if it is not."""

from __future__ import annotations

import os
import re
import secrets
import sqlite3
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 1
SCHEMA = [
    f"CREATE TABLE {table}"
    for table in (
        "fact(name TEXT PRIMARY KEY, value TEXT NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID",
        """start(number INTEGER PRIMARY KEY, boot_id TEXT NOT NULL, machine_boot TEXT NOT NULL,
        booted_s REAL, crc INTEGER NOT NULL)""",
        """event(seq INTEGER PRIMARY KEY, start INTEGER NOT NULL, kind TEXT NOT NULL,
        mono_ms INTEGER NOT NULL, data BLOB NOT NULL, crc INTEGER NOT NULL)""",
        """command(number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, op TEXT NOT NULL,
        digest TEXT NOT NULL, used_s REAL NOT NULL, delivered INTEGER NOT NULL,
        args BLOB NOT NULL, result BLOB)""",
    )
]
"""Word for word as SQLite keeps it: a file that says otherwise isn't ours, or isn't whole."""

PAGE_BYTES = 1024
"""Written for an event of 290 bytes, at 13 a commit: 1.9 KiB, with pages of 4 KiB 2.9; with a
commit each 8 and 14 (ext4, with acknowledging and deleting)."""
BUSY_S = 1.0
"""Another process holds the file for longer only if it is another agent. Chosen, not measured."""
MOST_DAMAGED = 3
"""Files that are kept for whoever wants to know what happened. Chosen, not measured."""
LOG_BYTES = 2**20
"""What the log keeps of a disk after a large transaction; SQLite begins anew in it at 1,000 pages,
which is as much."""

_TROUBLE = re.compile(r"full|disk I/O|locked|unable to open|readonly|locking protocol")
"""In what SQLite says of a disk, not of a file. Python 3.10 does not tell the codes."""

_NEEDED_AT, _MOST_NEEDED = slice(18, 20), 2
"""Where a file says what is needed to write and to read it; with more, SQLite only reads it."""


class DamagedError(Exception):
    """A file isn't what was written."""


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether the file is damaged, and not just out of reach.

    Raises:
        sqlite3.DatabaseError: neither, but a fault of ours.
    """
    if type(error) not in {sqlite3.DatabaseError, sqlite3.OperationalError}:
        raise error
    return _TROUBLE.search(str(error)) is None


def crc(*values: object) -> int:
    """Checksum of what a row holds: SQLite has none, and a bit may turn in any file."""
    return zlib.crc32(repr(values).encode())


def connect(path: Path) -> sqlite3.Connection:
    """Open it, in transactions of one's own; or begin it, with an epoch of its own.

    A file is read whole, to see whether it is: 230 MiB took 0.6 s from memory, 4.7 s from a disk.

    Raises:
        DamagedError: it isn't what was written, or of another version.
        sqlite3.OperationalError: disk or file can't be used now.
        OSError: it, or its folder, can't be made.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # By whom it may be read, so may its log, which SQLite makes.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    _look_at(path)
    sql = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    try:
        _prepare(sql)
    except sqlite3.DatabaseError as error:
        sql.close()
        if is_damage(error):
            raise DamagedError(str(error)) from error
        raise
    except UnicodeDecodeError as error:  # in what SQLite quotes of the file in its complaint
        sql.close()
        raise DamagedError("its tables have names that are no text") from error
    except DamagedError:
        sql.close()
        raise
    return sql


def set_aside(path: Path) -> None:
    """Rename it, and its log, to NAME.damaged-N, and delete the oldest of those.

    The file goes first: a log whose file is gone SQLite deletes, but a file without its log would
    be taken for whole, and numbers that are known to others would be given out again.

    Raises:
        OSError: it can't be renamed.
    """
    earlier = sorted(
        int(found[1])
        for other in path.parent.iterdir()
        if (found := re.fullmatch(re.escape(path.name) + r"\.damaged-(\d+)", other.name))
    )
    kept = path.with_name(f"{path.name}.damaged-{earlier[-1] + 1 if earlier else 1}")
    if path.exists():
        path.replace(kept)
    log = path.with_name(f"{path.name}-wal")
    if log.exists():
        log.replace(kept.with_name(f"{kept.name}-wal"))
    for number in earlier[: 1 - MOST_DAMAGED]:
        for ending in ("", "-wal"):
            path.with_name(f"{path.name}.damaged-{number}{ending}").unlink(missing_ok=True)


def _look_at(path: Path) -> None:
    # Before SQLite opens it: closing a file gives up the locks that a process has on it.
    if path.is_file():
        with path.open("rb") as file:
            header = file.read(_NEEDED_AT.stop)
        if max(header[_NEEDED_AT], default=0) > _MOST_NEEDED:
            raise DamagedError("its header is not one that SQLite writes")


def _prepare(sql: sqlite3.Connection) -> None:
    # Held by one process alone: a second agent on the same folder would give out the same numbers.
    sql.execute("PRAGMA locking_mode = EXCLUSIVE")
    sql.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    sql.execute("PRAGMA journal_mode = WAL")
    sql.execute("PRAGMA synchronous = FULL")
    sql.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
    sql.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    ((version,),) = sql.execute("PRAGMA user_version")
    said = [text for (text,) in sql.execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL")]
    if (version, said) == (0, []):
        _begin(sql)
        return
    if version != VERSION:
        raise DamagedError(f"it is of version {version}, not {VERSION}")
    if said != SCHEMA:
        raise DamagedError("its tables are not ours")
    if _verdict(sql) != "ok" and (verdict := _verdict(sql)) != "ok":  # a read may have failed once
        raise DamagedError(" ".join(verdict.split()))
    facts = sql.execute("SELECT name, value, crc FROM fact").fetchall()
    names = {name for name, value, checksum in facts if crc(value) == checksum}
    if len(names) < len(facts) or "epoch" not in names:
        raise DamagedError("a fact is not what was written")


def _verdict(sql: sqlite3.Connection) -> str:
    ((verdict,),) = sql.execute("PRAGMA integrity_check(1)").fetchall()
    return str(verdict)


def _begin(sql: sqlite3.Connection) -> None:
    epoch = secrets.token_hex(8)
    sql.execute("BEGIN IMMEDIATE")
    for statement in SCHEMA:
        sql.execute(statement)
    sql.execute("INSERT INTO fact VALUES ('epoch', ?, ?)", (epoch, crc(epoch)))
    sql.execute(f"PRAGMA user_version = {VERSION}")
    sql.execute("COMMIT")
