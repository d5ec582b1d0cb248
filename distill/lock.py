"""Lock: one program at a time works in a folder."""

from __future__ import annotations

import errno
import fcntl
import os
import weakref
from typing import TYPE_CHECKING, final

from distill.errors import UsageError
from models.part_file import sweep

if TYPE_CHECKING:
    from pathlib import Path

_NAME = ".lock"


@final
class Lock:
    """Holds a folder until it is closed or collected, or the process ends, by a kill too.

    What a killed run was writing there is deleted: a snapshot of a teacher has hundreds of megabytes.

    A record lock, because the children of a process don't inherit it: what loads data for a
    training that was killed must not keep the folder from the next one.

    Raises:
        UsageError: another process holds it.
        OSError: the folder can't be written to.
    """

    def __init__(self, folder: Path) -> None:
        descriptor = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno in {errno.EACCES, errno.EAGAIN}:
                raise UsageError(
                    f"another run is at work in {folder}; wait for its end, or name another folder"
                ) from error
            raise
        sweep(folder)
        self.close = weakref.finalize(self, os.close, descriptor)
        """Let go of the folder; once more does nothing."""
