"""Output files: refused early if they can't be written, written whole, and never over another."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import InputError, OutputError
from models.part_file import PartFile, sweep

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def check_output_file(path: Path, *, overwrite: bool = False) -> None:
    """Refuse a path that can't be written to, before a run is spent on it.

    Raises:
        OutputError: it is a folder, its own folder is missing or can't be written to, or there is
            such a file and nobody said that it may be replaced.
    """
    try:
        if path.is_dir():
            raise OutputError(f"{path} is a folder; name a file in it")
        if not path.parent.is_dir():
            raise OutputError(f"{path.parent}: no such folder to write to")
        if path.exists():
            if not path.is_file():
                raise OutputError(f"{path} is not an ordinary file; name a file to write")
            if not overwrite:
                raise OutputError(  # which may be the second of two inputs that a shell found
                    f"{path} exists already; if it is an old output, replace it with --overwrite, "
                    "else name another one, or a folder with --out-dir"
                )
    except OSError as error:  # a name too long, a folder that must not be looked into
        raise OutputError(f"{path}: {error.strerror}") from error
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path.parent}: can't be written to")


def check_paths(source: Path, target: Path, *, overwrite: bool = False) -> None:
    """Refuse what can't go well, before anything is opened.

    Raises:
        InputError: there is no such file.
        OutputError: the target is the source, or what `check_output_file` refuses.
    """
    try:
        if not source.exists():
            raise InputError(f"{source}: no such file")
    except OSError as error:  # a name too long, a folder that must not be looked into
        raise InputError(f"{source}: {error.strerror}") from error
    try:
        if target.exists() and source.samefile(target):
            raise OutputError(f"{target} is the input; give the output another name")
    except OSError as error:
        raise OutputError(f"{target}: {error.strerror}") from error
    check_output_file(target, overwrite=overwrite)


def check_no_input(path: Path, sources: Iterable[Path]) -> None:
    """Refuse to write beside the outputs where an input is, which no `overwrite` gives away.

    Raises:
        OutputError: `path` is one of `sources`, by whatever name.
    """
    for source in sources:
        with suppress(OSError):  # one of the two isn't there, or who opens it will say why
            if path.samefile(source):
                raise OutputError(f"{path} is an input; give it another name")


@contextmanager
def output_path(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A path to write to, whose file becomes `path` at the end; after an error nothing is left.

    A link stays a link: what it points to is written.

    Raises:
        OutputError: the disk is full, the place can't be written to, or there is such a file by
            now and nobody said that it may be replaced; what was there stays.
    """
    try:
        part = PartFile(Path(os.path.realpath(path)))
        try:
            yield part.path
            part.put(replace=overwrite)
        finally:
            part.discard()
    except FileExistsError as error:
        raise appeared(path) from error
    except OSError as error:
        raise OutputError(f"{path}: can't be written ({error.strerror})") from error


def write_output_file(path: Path, data: bytes, *, overwrite: bool = False) -> None:
    """Put a small file in place, all at once.

    Raises:
        OutputError: as `output_path` does.
    """
    with output_path(path, overwrite=overwrite) as part:
        part.write_bytes(data)


def sweep_around(paths: Iterable[Path]) -> None:
    """Delete what killed runs left beside these outputs."""
    for folder in {Path(os.path.realpath(path)).parent for path in paths}:
        sweep(folder)


def appeared(path: Path) -> OutputError:
    """What is said where a file came to have an output's name while the output was made."""
    return OutputError(
        f"{path} exists by now, so it was not written; replace such a file with --overwrite"
    )
