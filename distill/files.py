"""Files: what the system says when one can't be read or written, as our errors."""

from __future__ import annotations

import codecs
from contextlib import contextmanager
from typing import TYPE_CHECKING

from distill.errors import InputError, OutputError
from models.digest import file_sha256

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def reading(path: Path, raises: type[Exception] = InputError) -> Iterator[None]:
    """Read `path` in this block; an `OSError` in it becomes `raises`, in one line.

    Raises:
        InputError: or what `raises` says; the path can't be read.
    """
    try:
        yield
    except OSError as error:
        raise raises(f"{path} can't be read: {_reason(error)}") from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Write `path`, a file or a folder, in this block; an `OSError` in it becomes an `OutputError`.

    Raises:
        OutputError: the path can't be written.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path} can't be written: {_reason(error)}") from error


def sha256_of(path: Path, raises: type[Exception] = InputError) -> str:
    """The SHA-256 of a file's bytes, 64 hex digits.

    Raises:
        InputError: or what `raises` says; it can't be read.
    """
    with reading(path, raises):
        return file_sha256(path)


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__


def text_of(data: bytes) -> str:
    """A file's text: UTF-8, with a byte order mark or without, or Windows' UTF-16 with one.

    Raises:
        UnicodeDecodeError: it is neither.
    """
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if wide else "utf-8-sig")
