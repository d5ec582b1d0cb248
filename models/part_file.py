"""PartFile: a file that is being written, under a hidden name that says whose it is.

The name carries host and a random token, and the file is locked while its process lives. So what a
killed run left can be told from what another run still writes, and `sweep` deletes it.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_HOST = re.sub(r"[^A-Za-z0-9_-]", "-", os.uname().nodename)[:32] or "host"
_NAME = re.compile(
    r"\..*\.(?P<host>[A-Za-z0-9_-]{1,32})\.[0-9a-f]{16}\.partial(\.[^.]*)?", re.DOTALL
)
_NAME_BYTES = 255
"""The longest name of nearly every file system: ext4, XFS, Btrfs, APFS, NTFS, exFAT."""
_ABANDONED_S = 24 * 3600.0
"""A network file system may not show us the lock of another host, so what that one left also has
to be this old. Chosen, not measured: a run writes many times a minute."""

_open: set[PartFile] = set()


class PartFile:
    """A new, empty file beside `target`, to be put in its place.

    Attributes:
        path: where it is until then; others may open and write it.

    Raises:
        OSError: it can't be created, or nothing could ever have `target`'s name.
    """

    def __init__(self, target: Path) -> None:
        with suppress(FileNotFoundError):
            target.lstat()  # a name too long, a folder that is a file: said now, not at the end
        self._target = target
        self.path = _part_path(target)
        self._descriptor = -1
        _open.add(self)  # before there is anything: Ctrl-C may come at any step
        try:
            self._create()
        except BaseException:
            self.discard()
            raise

    def put(self, *, replace: bool) -> None:
        """Have the disk hold what was written, and give it the target's name.

        Raises:
            FileExistsError: there is such a file, and it is not to be replaced.
            OSError: the disk is full, or the folder is gone.
        """
        os.fsync(self._descriptor)
        if replace:
            self.path.replace(self._target)
        else:
            _put_new(self.path, self._target)
        sync(self._target.parent)
        self.discard()

    def discard(self) -> None:
        """Delete it; harmless once it was put or discarded."""
        if self not in _open:
            return
        with suppress(OSError):  # its folder may be gone
            self.path.unlink(missing_ok=True)  # before it is forgotten, for Ctrl-C may come between
        try:
            _open.remove(self)  # one step, for two threads may come here at once
        except KeyError:
            return
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def _create(self) -> None:
        while self._descriptor < 0:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            descriptor = os.open(self.path, flags, 0o666)
            if _lock(descriptor) and is_at(descriptor, self.path):
                self._descriptor = descriptor
            else:  # a sweep came between its birth and its lock
                os.close(descriptor)
                self.path = _part_path(self._target)


def discard_all() -> None:
    """Delete all that this process is writing: for a process that has to end at once."""
    for part in tuple(_open):
        part.discard()


def sweep(folder: Path) -> None:
    """Delete what killed runs left in a folder, never what a process is writing.

    Of this host that is what nobody holds a lock on; of another one it must also be a day old.
    Where a file system knows no locks, everything stays.
    """
    try:
        paths = list(folder.iterdir())
    except OSError:  # whoever writes there will say so
        return
    for path in paths:
        if matched := _NAME.fullmatch(path.name):
            with suppress(OSError):
                _sweep(path, least_age_s=0 if matched["host"] == _HOST else _ABANDONED_S)


def is_part(path: Path) -> bool:
    """Whether a run is writing this, or was when it was killed."""
    return _NAME.fullmatch(path.name) is not None


def sync(path: Path) -> None:
    """Have the disk hold `path`, a file or a folder, before going on."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file, or folder, still has this name; a link has its own."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _part_path(target: Path) -> Path:
    """A name beside `target` that nothing has had so far."""
    return target.with_name(_part_name(target))


def _part_name(target: Path) -> str:
    ending = f".{_HOST}.{secrets.token_hex(8)}.partial{target.suffix}"
    room = max(0, _NAME_BYTES - 1 - len(os.fsencode(ending)))
    return f".{os.fsencode(target.stem)[:room].decode(errors='ignore')}{ending}"


def _lock(descriptor: int) -> bool:
    """Whether nobody else holds the lock, as far as the file system can tell."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # it knows no locks, so `sweep` gets none either
        pass
    return True


def _sweep(path: Path, least_age_s: float) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or time.time() - found.st_mtime < least_age_s:
            return
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_at(descriptor, path):  # else it has got its name meanwhile
            path.unlink()
    finally:
        os.close(descriptor)


def _put_new(path: Path, target: Path) -> None:
    """Rename, but never over another file."""
    try:
        os.link(path, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links, such as a memory card's
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC))
        try:
            path.replace(target)
        except BaseException:
            target.unlink()
            raise
