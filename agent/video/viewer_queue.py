"""ViewerQueue: what waits for one viewer, young and little enough to be worth showing."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.frames.encoded import EncodedPacket, EncodedStream


@dataclass(frozen=True, slots=True)
class Started:
    """The pictures that follow are another stream's than those before."""

    stream: EncodedStream


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture; the first of a stream, and the first after a gap, is a key."""

    packet: EncodedPacket
    stream: EncodedStream


@dataclass(frozen=True, slots=True)
class Said:
    """A text about the picture before it."""

    text: str


class ViewerQueue:
    """Pictures and texts in order, from a key on; whole groups are lost.

    When the first that waits is too old, or all are too much, it is lost with all up to the next
    key. No packet is copied.

    Args:
        most_age_s: seconds that anything may wait.
        most_bytes: bytes that may wait; a single picture may be larger.
        is_told: a text follows each picture at once, and whoever waits is woken by that.

    Attributes:
        is_late: it was too slow, and the next picture that it can have is a key.
        dropped: pictures that were lost because it was too slow.
    """

    def __init__(self, most_age_s: float, most_bytes: int, *, is_told: bool) -> None:
        self._most_age_s, self._most_bytes, self._is_told = most_age_s, most_bytes, is_told
        self._waiting: deque[tuple[Shown | Said, int, float]] = deque()
        self._bytes = self._pictures = 0
        self._needs_key, self._is_woken = True, False
        self._told: EncodedStream | None = None
        self.is_late = False
        self.dropped = 0

    def begin_with_key(self) -> None:
        """What comes next is another stream's."""
        self._needs_key = True

    def put(self, item: Shown | Said, now: float) -> bool:
        """Have an item wait, from `now` on; whether its viewer, who took all before, is to be woken.

        Also where all is lost by then: who takes nothing has no key made.
        """
        if _is_key(item):
            self._needs_key = self.is_late = False
        if self._needs_key:
            self.dropped += self.is_late and isinstance(item, Shown)
            return False
        self._waiting.append((item, _size(item), now))
        self._bytes += _size(item)
        self._pictures += isinstance(item, Shown)
        self._shed(now)
        if self._is_woken or (self._is_told and isinstance(item, Shown)):
            return False
        self._is_woken = True
        return True

    def take(self, now: float) -> Started | Shown | Said | None:
        """The next item; None where none waits."""
        self._shed(now)
        if not self._waiting:
            self._is_woken = False
            return None
        item = self._waiting[0][0]
        if isinstance(item, Shown) and item.stream is not self._told:
            self._told = item.stream
            return Started(item.stream)
        self._pop()
        return item

    def clear(self) -> None:
        """Let go of all that waits."""
        self._waiting.clear()
        self._bytes = self._pictures = 0
        self._needs_key = True

    def _shed(self, now: float) -> None:
        while self._waiting and self._is_too_much(now):
            self._lose()
            while self._waiting and not _is_key(self._waiting[0][0]):
                self._lose()
            if not self._waiting:
                self._needs_key = self.is_late = True

    def _is_too_much(self, now: float) -> bool:
        is_old = now - self._waiting[0][2] > self._most_age_s
        return is_old or (self._bytes > self._most_bytes and self._pictures > 1)

    def _lose(self) -> None:
        self.dropped += isinstance(self._pop(), Shown)

    def _pop(self) -> Shown | Said:
        item, size, _ = self._waiting.popleft()
        self._bytes -= size
        self._pictures -= isinstance(item, Shown)
        return item


def _is_key(item: Shown | Said) -> bool:
    return isinstance(item, Shown) and item.packet.is_key


def _size(item: Shown | Said) -> int:
    return len(item.text) if isinstance(item, Said) else len(item.packet.data)
