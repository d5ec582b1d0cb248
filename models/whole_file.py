"""Files that are there whole or not at all."""

from __future__ import annotations

from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from models.part_file import PartFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def whole_file(path: Path, *, replace: bool = True) -> Iterator[IO[bytes]]:
    """Write to a temporary name, to the disk, then in place; after an error nothing is left.

    Raises:
        FileExistsError: there is such a file, and it is not to be replaced.
        OSError: the disk is full, or the place can't be written to; what was there stays.
    """
    part = PartFile(path)
    try:
        with part.path.open("wb") as file:
            yield file
        part.put(replace=replace)
    finally:
        part.discard()
