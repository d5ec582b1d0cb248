"""Slots: two folders, of which one is in use and the other can be prepared.

`current` is a link to the one in use. It changes from one to the other in one step, so a process
that is killed at any moment, or a machine without power, leaves a whole one in use.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from agent.errors import OutputError, UsageError
from models.part_file import sync
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAMES = ("slot-a", "slot-b")
_CURRENT = "current"


class Slots:
    """What lies in a folder that `sfumato provision` keeps."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def current(self) -> Path | None:
        """The one in use, by its own name: a link that moves would mix two; None: none yet."""
        with suppress(OSError):
            name = str((self._folder / _CURRENT).readlink())
            if name in _NAMES:
                return self._folder / name
        return None

    @property
    def spare(self) -> Path:
        """The one that is not in use, whether it is there or not."""
        current = self.current
        return self._folder / _NAMES[current is not None and current.name == _NAMES[0]]

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Make the folder if need be, and keep other processes from changing it meanwhile.

        Raises:
            UsageError: another process is changing it.
            OutputError: it can't be written to.
        """
        try:
            if not self._folder.exists():
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                sync(self._folder.parent)
            descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield
            finally:
                os.close(descriptor)
        except BlockingIOError as error:
            raise UsageError(f"{self._folder}: another `sfumato provision` is at work") from error
        except OSError as error:
            reason = f"can't be written ({error.strerror})"
            raise OutputError(f"{error.filename or self._folder}: {reason}") from error

    def empty_spare(self) -> Path:
        """Have the spare one be there, with nothing in it."""
        spare = self.spare
        with suppress(FileNotFoundError):
            shutil.rmtree(spare)
        spare.mkdir(mode=0o700)
        sync(self._folder)
        return spare

    def switch(self) -> None:
        """Have the spare one be in use; the disk holds it, as `write_in_slot` has seen to."""
        spare = self.spare
        link = self._folder / f"{_CURRENT}.new"
        link.unlink(missing_ok=True)
        link.symlink_to(spare.name)
        link.replace(self._folder / _CURRENT)
        sync(self._folder)


def write_in_slot(path: Path, data: bytes) -> None:
    """Put a file in place, whole and on the disk, for its owner only.

    Raises:
        OSError: the disk is full, or the place can't be written to.
    """
    with whole_file(path) as file:
        os.fchmod(file.fileno(), 0o600)  # before there is anything to read
        file.write(data)
