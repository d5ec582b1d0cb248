"""Folder: which of its files are inputs, and why each of the others is not."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.errors import InputError
from models.part_file import is_part

if TYPE_CHECKING:
    from pathlib import Path

_APPLE_DOUBLE = b"\x00\x05\x16\x07"


@dataclass(frozen=True, slots=True)
class PassedOver:
    """An input that gave no output.

    Attributes:
        reason: why, in a few words.
        quiet: there may be one beside every input, and people know of it.
    """

    path: Path
    reason: str
    quiet: bool = False


def look_into(
    folder: Path, suffixes: frozenset[str], kind: str
) -> tuple[list[Path], list[PassedOver]]:
    """A folder's inputs and what else is in it, each in order of names.

    Args:
        suffixes: those of inputs, in lower case with the dot.
        kind: what an input is: `video`.

    Raises:
        InputError: the folder can't be looked into.
    """
    found, passed_over = [], []
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}") from error
    for path in paths:
        reason = _reason(path, suffixes, kind)
        if _is_apple_double(path):
            passed_over.append(PassedOver(path, "macOS keeps attributes in it", quiet=True))
        elif reason:
            passed_over.append(PassedOver(path, reason))
        else:
            found.append(path)
    return found, passed_over


def _reason(path: Path, suffixes: frozenset[str], kind: str) -> str | None:
    """Why a path in a folder is no input; None where it is one, or will say so when it is read."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "a link to nothing"
    except OSError as error:
        return error.strerror or "can't be looked at"
    if stat.S_ISDIR(mode):
        return "a folder in the folder; name it to have its files done"
    if not stat.S_ISREG(mode):
        return "not an ordinary file"
    if is_part(path):
        return "a run is writing it"
    if path.suffix.lower() not in suffixes:
        called = f"{path.suffix} is no suffix" if path.suffix else "it has no suffix"
        return f"{called} of {kind}s; name the file to have it tried"
    return None


def _is_apple_double(path: Path) -> bool:
    """Whether this is what macOS puts beside a file, where the disk can't hold attributes."""
    if not path.name.startswith("._"):
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(_APPLE_DOUBLE)) == _APPLE_DOUBLE
    except OSError:
        return False
