"""Watermark: which events a broker has acknowledged, in a number and a few exceptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Watermark:
    """Follows numbers that are handed out in order and acknowledged in any.

    Args:
        through: all up to it are acknowledged, or no longer there.
        beyond: further ones that are.

    Attributes:
        cursor: the last that this connection has been handed, or passed over.
    """

    def __init__(self, through: int = 0, beyond: Iterable[int] = ()) -> None:
        self.through, self.cursor = through, through
        self.beyond = set(beyond)
        self._outstanding: dict[int, int] = {}

    def handed(self, seq: int, size_bytes: int) -> None:
        """It is on its way."""
        self.cursor = seq
        self._outstanding[seq] = size_bytes

    def passed(self, seq: int) -> None:
        """It need not be sent: it is acknowledged, or nothing of it is left."""
        self.cursor = seq
        self._settle()

    def acknowledged(self, seq: int) -> int | None:
        """It has arrived; its bytes, or None if it was not on its way."""
        size_bytes = self._outstanding.pop(seq, None)
        if size_bytes is not None:
            self.beyond.add(seq)
            self._settle()
        return size_bytes

    def rewind(self) -> None:
        """A new connection: what was on its way has to be handed out again."""
        self._outstanding.clear()
        self.cursor = self.through

    def _settle(self) -> None:
        through = min(self._outstanding) - 1 if self._outstanding else self.cursor
        if through > self.through:
            self.through = through
            self.beyond = {seq for seq in self.beyond if seq > through}
