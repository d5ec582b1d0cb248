"""Standard output and error of a command, which may be closed, full, or read by nobody any more."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _StandardFile(io.FileIO):
    """Takes all that it is given, and remembers that it could not be written."""

    error: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        """Write, or lose it."""
        try:
            return super().write(data)
        except OSError as error:
            self.error = error
            return memoryview(data).nbytes


_stdout: _StandardFile | None = None


def own_standard_files() -> None:
    """Make standard output and error files that never fail.

    One that was closed is the null device from now on. Its number would else go to the next file
    that is opened, and what libraries say would be written into a video.
    """
    global _stdout  # noqa: PLW0603 - there is one of it in a process
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
    _stdout = _StandardFile(1, "w", closefd=False)
    sys.stdout = _text(_stdout)
    sys.stderr = _text(_StandardFile(2, "w", closefd=False))


def stdout_error() -> OSError | None:
    """Why standard output could not be written, if so."""
    return None if _stdout is None else _stdout.error


def _text(file: io.FileIO) -> io.TextIOWrapper:
    encoding = getattr(sys.__stderr__, "encoding", None) or "utf-8"
    return io.TextIOWrapper(
        io.BufferedWriter(file), encoding, errors="backslashreplace", line_buffering=True
    )
