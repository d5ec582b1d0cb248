"""Output files: refused early if they can't be written, and written whole."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from agent.errors import InputError, OutputError
from models.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path


def check_output_file(path: Path) -> None:
    """Refuse a path that can't be written to, before a run is spent on it.

    Raises:
        OutputError: it is a folder, or its own folder is missing or can't be written to.
    """
    try:
        if path.is_dir():
            raise OutputError(f"{path} is a folder; name a file in it")
        if not path.parent.is_dir():
            raise OutputError(f"{path.parent}: no such folder to write to")
    except OSError as error:  # a name too long, a folder that must not be looked into
        raise OutputError(f"{path}: {error.strerror}") from error
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path.parent}: can't be written to")


def check_paths(source: Path, target: Path) -> None:
    """Refuse what can't go well, before anything is opened.

    Raises:
        InputError: there is no such file.
        OutputError: the target is the source, or its folder is missing.
    """
    try:
        if not source.exists():
            raise InputError(f"{source}: no such file")
    except OSError as error:  # a name too long, a folder that must not be looked into
        raise InputError(f"{source}: {error.strerror}") from error
    check_output_file(target)
    if target.exists() and source.samefile(target):
        raise OutputError(f"{target} is the input; give the output another name")


def write_output_file(path: Path, data: bytes) -> None:
    """Put a small file in place, all at once.

    Raises:
        OutputError: the disk is full, or the place can't be written to; what was there stays.
    """
    try:
        with whole_file(path) as file:
            file.write(data)
    except OSError as error:
        raise OutputError(f"{path}: can't be written ({error.strerror})") from error
