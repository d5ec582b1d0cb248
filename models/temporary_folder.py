"""Temporary folder: among the system's temporary files, for a moment."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def temporary_folder(purpose: str) -> Iterator[Path]:
    """An empty folder for this account alone, gone in the end.

    Unlike one of `tempfile`'s also where Ctrl-C comes just when it was made.

    Raises:
        OSError: it can't be made.
    """
    path = Path(tempfile.gettempdir(), f"sfumato-{purpose}-{secrets.token_hex(8)}")
    try:
        path.mkdir(mode=0o700)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
