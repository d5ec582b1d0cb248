"""Kept file: what was there before a command wrote in its place."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from distill.files import writing
from models.part_file import sync

if TYPE_CHECKING:
    from pathlib import Path


def keep(path: Path) -> Path:
    """Copy a file to its own name with the first free number behind it, such as `val.json.1`.

    Raises:
        OutputError: it can't be written.
    """
    number = 1
    while (kept := path.with_name(f"{path.name}.{number}")).exists():
        number += 1
    with writing(kept):
        shutil.copyfile(path, kept)
        sync(kept)
    return kept
