"""Verdicts: which decoders and encoders of this machine passed their trials, so that each has one.

Whatever is wrong with the file, all are tried anew.
"""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models.kept_entries import KeptEntries

if TYPE_CHECKING:
    from collections.abc import Sequence

VERDICTS = "hardware-trials.json"
"""The usual name of the file."""

_FORMAT = 1
"""Of the file, and of the trial: raised where another trial could find otherwise."""
_MOST = 64
"""Verdicts in the file; the oldest give way. Chosen, not measured."""
_MOST_BYTES = 1 << 16
_MOST_LETTERS = 300
_SIZES = ((1280, 720), (1920, 1088), (3840, 2176))
"""A decoder that takes one picture of a class takes all; beyond the last each is of its own."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_DRIVER = Path("/sys/module/nvidia/version")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a trial found.

    Attributes:
        failure: what is wrong; None: nothing.
        is_grave: it hung, crashed or showed something else, and is not to be tried again. What
            says itself why it can't may be mended, and is tried at the next start.
    """

    failure: str | None = None
    is_grave: bool = False


def key_of(way: str, versions: Sequence[str], kind: str, size: tuple[int, int]) -> str:
    """Names the circumstances of a trial: another key where any of it differs.

    Args:
        way: what decodes or encodes.
        versions: of what it is made of.
        kind: of pictures.
        size: width, height in pixels.
    """
    own = f"{size[0]}x{size[1]}"
    fits = (f"{w}x{h}" for w, h in _SIZES if max(size) <= w and min(size) <= h)
    parts = [
        _FORMAT,
        way,
        list(versions),
        kind,
        next(fits, own),
        platform.release(),
        _read(_DRIVER),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class Verdicts:
    """A file that need not be there, nor whole, nor in a place that can be written.

    A trial that takes the whole machine with it would do so at each start. So one that begins is
    written down, too: it has failed, if the machine was started anew since and nobody ended it.

    Args:
        path: of it; its folder is made. None: it is in memory alone.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._entries = path and KeptEntries(path, "verdicts", _FORMAT, _MOST, _MOST_BYTES)
        self._found: dict[str, Verdict] = {}

    def get(self, key: str) -> Verdict | None:
        """What a trial found under the same circumstances, if anybody knows."""
        if key in self._found:
            return self._found[key]
        said = self._entries.read().get(key) if self._entries else None
        if not isinstance(said, dict):
            return None
        if (begun := said.get("begun")) is not None:
            if begun == _read(_BOOT_ID):
                return None
            said_so = f"the machine went down while it was tried; remove {self._path} to try again"
            return Verdict(said_so, is_grave=True)
        failure = said.get("failure")
        if failure is None or isinstance(failure, str):
            return Verdict(failure, is_grave=failure is not None)
        return None

    def begin(self, key: str) -> None:
        """A trial begins."""
        self._put(key, {"begun": _read(_BOOT_ID)})

    def end(self, key: str, verdict: Verdict) -> None:
        """It has found this."""
        self._found[key] = verdict
        failure = verdict.failure
        if failure is not None and not verdict.is_grave:
            self._put(key, None)
        else:
            self._put(key, {"failure": None if failure is None else failure[:_MOST_LETTERS]})

    def _put(self, key: str, said: dict[str, str | None] | None) -> None:
        if self._entries:
            self._entries.put(key, said)


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace").strip()
    except OSError:
        return ""
