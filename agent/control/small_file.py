"""Small file: read whole, unless it is larger than it can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

_MOST_BYTES = 1 << 18
"""Chosen, not measured: a certificate takes 1 kB, and an answer a few of them."""


def read_small_file(path: Path) -> bytes:
    """What it holds.

    Raises:
        InputError: it can't be read, or is too large to be what is looked for.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from error
    if len(data) > _MOST_BYTES:
        raise InputError(f"{path}: too large; is it the right file?")
    return data
