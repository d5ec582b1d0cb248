"""A picture's way to the disk: whole, or not at all."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from agent.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path


def write_picture(path: Path, data: bytes) -> None:
    """Write to a temporary name, to the disk, then in place.

    Raises:
        OutputError: the disk is full, or the place can't be written to; what was there stays.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: can't write the picture ({error.strerror})") from error
    finally:
        part.unlink(missing_ok=True)
