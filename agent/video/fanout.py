"""Fanout: an encoder's packets to however many viewers, none of whom costs another anything."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from agent.video.viewer_queue import Said, Shown, Started, ViewerQueue

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.frames.encoded import EncodedPacket, EncodedStream

__all__ = ["Fanout", "Item", "Over", "Said", "Shown", "Started", "Viewer"]

MOST_AGE_S = 0.5
"""What waited longer for a viewer is not worth showing any more. Chosen, not measured."""
MOST_BYTES = 1 << 20
"""What may wait for one viewer: half a second of 16 Mbit/s. Chosen, not measured."""
_KEY_GAP_S = 1.0
"""No more often does a viewer that is late have keys made, each of which costs all viewers bits.
Chosen, not measured."""


@dataclass(frozen=True, slots=True)
class Over:
    """Nothing follows, ever."""

    reason: str


Item = Started | Shown | Said | Over


@final
class Fanout:
    """An output that outlives streams: after `finish` or `abort`, `start` may come again.

    A viewer gets a key first. What it leaves waiting for too long, or too much of it, is lost in
    whole groups, and a key is asked for when it takes again. Nothing here waits for a viewer.

    Args:
        most_age_s: seconds that a picture may wait for a viewer.
        most_bytes: bytes that may wait for one; a single picture may be larger.
        now: seconds of a clock that only rises.
        is_told: whoever writes says a text of each picture at once: viewers are woken for both.
    """

    def __init__(
        self,
        most_age_s: float = MOST_AGE_S,
        most_bytes: int = MOST_BYTES,
        now: Callable[[], float] = time.monotonic,
        *,
        is_told: bool = False,
    ) -> None:
        self._most_age_s, self._most_bytes, self._now = most_age_s, most_bytes, now
        self._is_told = is_told
        self._lock = threading.Lock()
        self._viewers: dict[ViewerQueue, Callable[[], None]] = {}
        self._stream: EncodedStream | None = None
        self._over: Over | None = None
        self._is_wanted = self._is_wanted_by_late = self._is_asked_for = False
        self._key_at = now() - _KEY_GAP_S

    def start(self, stream: EncodedStream) -> None:
        """Get ready for another stream, the first packet of which is a key.

        Raises:
            TypeError: it is annotated.
        """
        stream.require_redacted()
        with self._lock:
            self._stream, self._is_asked_for = stream, False
            for queue in self._viewers:
                queue.begin_with_key()

    def write(self, packet: EncodedPacket) -> None:
        """Give a picture to all viewers that can decode it.

        Raises:
            RuntimeError: before `start`, after `finish` or `abort`; after `close` it is passed over.
        """
        with self._lock:
            if self._over is not None:
                return  # what is recorded may still have pictures under way
            if self._stream is None:
                raise RuntimeError("no stream was started")
            if packet.is_key:
                self._is_wanted = self._is_wanted_by_late = self._is_asked_for = False
                self._key_at = self._now()
            woken = self._given(Shown(packet, self._stream))
        _wake(woken)

    def say(self, text: str) -> None:
        """Tell all viewers about the picture before; who lost that loses this."""
        with self._lock:
            woken = self._given(Said(text)) if self._over is None else []
        _wake(woken)

    def finish(self) -> None:
        """The stream is complete; viewers keep its last picture until another starts."""
        self.abort()

    def abort(self) -> None:
        """The stream breaks off; viewers keep its last picture until another starts."""
        with self._lock:
            self._stream = None
            viewers = list(self._viewers.values())
        if self._is_told:  # and no text follows the last
            _wake(viewers)

    def close(self, reason: str) -> None:
        """No stream follows: viewers, and whoever joins later, are told why, once."""
        with self._lock:
            self._stream, self._over = None, Over(reason)
            woken = list(self._viewers.values())
        _wake(woken)

    def want_key(self) -> None:
        """Have one of the next pictures be a key, also where no viewer needs it."""
        with self._lock:
            self._is_wanted = True

    def wants_key(self) -> bool:
        """Whether the next picture shall be a key; true once for each that is wanted.

        For the encoder, before each picture.
        """
        with self._lock:
            may_be_late = self._now() - self._key_at >= _KEY_GAP_S
            wanted = self._is_wanted or (self._is_wanted_by_late and may_be_late)
            asked, self._is_asked_for = self._is_asked_for, self._is_asked_for or wanted
            return wanted and not asked

    def viewer(self, ready: Callable[[], None]) -> Viewer:
        """Join.

        Args:
            ready: called from any thread when there is something to take, for one that took until
                there was nothing; must neither wait nor raise. May be called in vain, and once more
                after the viewer was closed.
        """
        queue = ViewerQueue(self._most_age_s, self._most_bytes, is_told=self._is_told)
        with self._lock:
            self._viewers[queue] = ready
            self._is_wanted = True
            is_over = self._over is not None
        if is_over:
            ready()
        return Viewer(queue, self._taken, self._left)

    def _given(self, item: Shown | Said) -> list[Callable[[], None]]:
        """Have it wait for all viewers; those to be woken."""
        now = self._now()
        return [ready for queue, ready in self._viewers.items() if queue.put(item, now)]

    def _taken(self, queue: ViewerQueue) -> Item | None:
        with self._lock:
            item = queue.take(self._now())
            if item is None and queue.is_late:
                # Not before: who never takes again must not have keys made.
                self._is_wanted_by_late = True
            return item or self._over

    def _left(self, queue: ViewerQueue) -> None:
        with self._lock:
            self._viewers.pop(queue, None)
            queue.clear()


@final
class Viewer:
    """One who watches; `Fanout.viewer` makes it. Takes until there is nothing, then waits."""

    def __init__(
        self,
        queue: ViewerQueue,
        take: Callable[[ViewerQueue], Item | None],
        leave: Callable[[ViewerQueue], None],
    ) -> None:
        self._queue, self._take, self._leave = queue, take, leave

    @property
    def dropped(self) -> int:
        """Pictures so far that it lost because it was too slow."""
        return self._queue.dropped

    def take(self) -> Item | None:
        """The next item; None where there is none by now, `Over` again and again at the end."""
        return self._take(self._queue)

    def close(self) -> None:
        """Leave, and let go of what waits; harmless again."""
        self._leave(self._queue)


def _wake(viewers: list[Callable[[], None]]) -> None:
    for ready in viewers:
        ready()
