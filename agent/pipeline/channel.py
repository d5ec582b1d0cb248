"""Channel: a bounded queue between two stages that knows how long each side waited."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.stage_clock import StageClock

T = TypeVar("T")


class Stopped(Exception):  # noqa: N818 - not an error: the run is being torn down
    """The channel was stopped, or closed by another than its writer; whoever uses it stops."""


class Channel(Generic[T]):
    """First in, first out, at most `size` items; one writer, one reader.

    Args:
        writer: the clock of the stage that puts, charged for waiting on a full channel.
        reader: the clock of the stage that gets, charged for waiting on an empty one.
        droppable: with it nobody waits on a full channel: the oldest item of which this is true
            makes room, or the oldest of all where it is true of none.
        patience_s: so long after the first item a writer waits all the same.
        room_s: so long it waits each time before an older item makes room.
        now: a monotonic clock, seconds.

    Attributes:
        taken: items that were put, those that were dropped included.
        dropped: items that made room for newer ones.
    """

    def __init__(
        self,
        size: int,
        writer: StageClock,
        reader: StageClock,
        droppable: Callable[[T], bool] | None = None,
        patience_s: float = 0.0,
        room_s: float = 0.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._items: deque[T] = deque()
        self._size, self._droppable = size, droppable
        self._writer, self._reader = writer, reader
        self.taken = self.dropped = 0
        self._room_s, self._now = room_s, now
        self._patience_s, self._patient_until_s, self._put_s = patience_s, 0.0, 0.0
        self._changed = threading.Condition()
        self._closed = self._stopped = False

    def put(self, item: T) -> None:
        """Hand over an item; waits while the channel is full, or drops an older one.

        Raises:
            Stopped: the run is being torn down, or the channel was closed.
        """
        with self._changed:
            if self._closed:
                raise Stopped
            if not self.taken:
                self._patient_until_s = self._now() + self._patience_s
            if len(self._items) >= self._size and not self._stopped:
                self._wait_for_room()
                if len(self._items) >= self._size and self._droppable and not self._stopped:
                    self._drop(self._droppable)
            if self._stopped:
                raise Stopped
            self._items.append(item)
            self._put_s = self._now()
            self.taken += 1
            self._changed.notify_all()

    def _wait_for_room(self) -> None:
        began = self._now()
        most_s = None
        if self._droppable is not None:
            most_s = max(self._room_s, self._patient_until_s - began)
        if most_s is not None and most_s <= 0:
            return
        self._changed.wait_for(lambda: len(self._items) < self._size or self._stopped, most_s)
        self._writer.wait_out_s += self._now() - began

    def _drop(self, droppable: Callable[[T], bool]) -> None:
        del self._items[next((i for i, item in enumerate(self._items) if droppable(item)), 0)]
        self.dropped += 1

    def __len__(self) -> int:
        """How many items wait."""
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        """Items until the writer closes.

        Raises:
            Stopped: the run is being torn down.
        """
        while taken := self._take():
            yield taken.pop()  # and no name: an item must not live on while the next is awaited

    def or_silence(self, silence_s: Callable[[], float]) -> Iterator[T | None]:
        """Items until the writer closes, and None, once, whenever none was put for so long.

        Raises:
            Stopped: the run is being torn down.
        """
        while taken := self._take():
            yield taken.pop()
            with self._changed:
                goes_on = self._wait(self._put_s + silence_s() - self._now())
            if not goes_on:
                yield None

    def _take(self) -> list[T]:
        """The next item, alone; nothing once there are no more."""
        with self._changed:
            self._wait()
            if self._stopped:
                raise Stopped
            if not self._items:
                return []
            self._changed.notify_all()
            return [self._items.popleft()]

    def _wait(self, most_s: float | None = None) -> bool:
        """Wait for an item, or for the end; False if neither came within so many seconds."""
        began = self._now()
        came = self._changed.wait_for(
            lambda: bool(self._items) or self._closed or self._stopped, most_s
        )
        self._reader.wait_in_s += self._now() - began
        return came

    def close(self) -> None:
        """Say that nothing more will be put, or taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Tear down: both sides get `Stopped`, what was in the channel is dropped."""
        with self._changed:
            self._stopped = True
            self._items.clear()
            self._changed.notify_all()
