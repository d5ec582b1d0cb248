"""Replays: which events are to be sent once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_RANGES = 100
"""Chosen, not measured: a collector asks for one gap after the other, and each is a range."""


class Replays:
    """Ranges of numbers that don't overlap, so that who asks twice is sent one."""

    def __init__(self) -> None:
        self._ranges: list[tuple[int, int]] = []
        self._outstanding: set[int] = set()

    @property
    def is_full(self) -> bool:
        """Whether no further range can be taken."""
        return len(self._ranges) >= MOST_RANGES

    def ask(self, ranges: Iterable[tuple[int, int]]) -> None:
        """These, both ends included, are to be sent as well."""
        merged: list[tuple[int, int]] = []
        for low, high in sorted([*self._ranges, *ranges]):
            if merged and low <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(merged[-1][1], high))
            elif low <= high:
                merged.append((low, high))
        self._ranges = merged

    @property
    def first(self) -> tuple[int, int] | None:
        """The range that comes next."""
        return self._ranges[0] if self._ranges else None

    def handed(self, seq: int) -> None:
        """The first range's are on their way, or gone, up to this one, which is on its way."""
        self._outstanding.add(seq)
        self._shorten(seq)

    def passed(self, seq: int) -> None:
        """Of the first range nothing is left up to this one."""
        self._shorten(seq)

    def acknowledged(self, seq: int) -> None:
        """It has arrived."""
        self._outstanding.discard(seq)

    def rewind(self) -> None:
        """A new connection: what was on its way has to be sent again."""
        again, self._outstanding = self._outstanding, set()
        self.ask((seq, seq) for seq in again)

    def _shorten(self, seq: int) -> None:
        high = self._ranges[0][1]
        self._ranges[:1] = [(seq + 1, high)] if seq < high else []
