"""Fragments: what of a fragmented MP4 is whole, wherever its writing was cut off."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path

_HEADER_BYTES, _LARGE_HEADER_BYTES = 8, 16


def whole_bytes(file: BinaryIO, size_bytes: int) -> int:
    """How much of a file can be played: up to the end of its last whole fragment, 0 for none.

    A fragment is a `moof` box and the `mdat` behind it, after the `moov` that describes them all.
    """
    at = whole = 0
    described = headed = False
    while box := _box_at(file, at, size_bytes):
        kind, at = box
        if kind == b"moov":
            described = True
        elif kind == b"moof":
            headed = described
        elif kind == b"mdat" and headed:
            whole, headed = at, False
    return whole


def cut_to_whole(path: Path) -> bool:
    """Cut off what came after the last whole fragment, and have the disk hold the rest.

    Returns:
        whether anything is left; a file without one whole fragment is deleted.

    Raises:
        OSError: it can't be read or written.
    """
    with path.open("r+b") as file:
        size_bytes = os.fstat(file.fileno()).st_size
        whole = whole_bytes(file, size_bytes)
        if whole:
            if whole < size_bytes:
                file.truncate(whole)
            os.fdatasync(file.fileno())
            return True
    path.unlink()
    return False


def _box_at(file: BinaryIO, at: int, size_bytes: int) -> tuple[bytes, int] | None:
    """A top-level box's kind and where it ends; None where it isn't whole."""
    file.seek(at)
    header = file.read(_LARGE_HEADER_BYTES)
    length, kind, least = int.from_bytes(header[:4], "big"), header[4:8], _HEADER_BYTES
    if length == 1:  # too long for 32 bits
        length, least = int.from_bytes(header[8:16], "big"), _LARGE_HEADER_BYTES
    if length < least or at + length > size_bytes:
        return None
    return kind, at + length
