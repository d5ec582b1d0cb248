"""CameraLink: between a camera's threads and its client's connection."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, final

from agent.live.ledger import Ledger
from agent.live.wire import Dropped, KeyWanted, Taken, picture_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agent.frames.encoded import EncodedPacket
    from agent.live.admission import Pace
    from agent.live.counts import Counts
    from agent.live.show import Camera
    from agent.live.wire import Told

_PASSED = "newer ones were shown"
_LOST = "lost on the way"

_MOST_UNTOLD = 2
"""Numbers that were taken and wait to be told with the next picture: half of a client's credit. Three
messages for which the event loop was woken one by one took 0.38 ms of CPU, together 0.13."""
_TELL_S = 0.05
"""They wait no longer: of the 0.2 s after which a client waits for them, the way there and back may take
the rest. Chosen, not measured."""


@final
class CameraLink:
    """Keeps a client's numbers; `Answers` for its camera.

    `taken`, `dropped` and `want_key` may be called from any thread, all else on the event loop's.

    Args:
        pace: how fast pictures may come.
        counts: where they are counted.

    Attributes:
        camera: where pictures go; set once it is open, before the first picture.
        tell: tells the client; set once something can be told. What was to be said before is not.
    """

    def __init__(self, pace: Pace, counts: Counts) -> None:
        self._pace, self._counts = pace, counts
        self._loop = asyncio.get_running_loop()
        self._ledger = Ledger()
        self._untold: deque[int] = deque()
        self._telling: asyncio.TimerHandle | None = None
        self.camera: Camera | None = None
        self.tell: Callable[[Told], None] | None = None

    def push(self, message: bytes) -> None:
        """A client's picture has come.

        Raises:
            WireError: it is none, there are too many, or its number is no next one.
            RuntimeError: there is no camera yet.
        """
        if self.camera is None:
            raise RuntimeError("there is no camera yet")
        chunk = picture_of(message)
        self._pace.count()
        self._tell_dropped(self._ledger.sent(chunk.number), _LOST)
        self._tell_later()
        self.camera.push(chunk.number, chunk.time_us, chunk.is_key, chunk.payload)

    def number_of(self, packet: EncodedPacket) -> int:
        """The client's number of a packet that goes out to it now, or 0.

        What it took before that and didn't show is told as dropped.
        """
        if self.camera is None:
            return 0
        self._tell_taken()
        number, passed = self._ledger.shown(self.camera.number_of(packet.pts))
        self._tell_dropped(passed, _PASSED)
        return number

    def close(self) -> None:
        """Tell no more."""
        self.tell = None
        if self._telling is not None:
            self._telling.cancel()

    def taken(self, number: int) -> None:
        """See `Answers`."""
        self._untold.append(number)
        if len(self._untold) >= _MOST_UNTOLD:
            self._soon(self._tell_taken)

    def dropped(self, numbers: Iterable[int], why: str) -> None:
        """See `Answers`."""
        gone = list(numbers)
        self._soon(lambda: self._drop(gone, why))

    def want_key(self) -> None:
        """See `Answers`."""
        self._soon(lambda: self._say(KeyWanted()))

    def _drop(self, numbers: list[int], why: str) -> None:
        self._tell_taken()
        self._tell_dropped(self._ledger.drop(numbers), why)

    def _tell_taken(self) -> None:
        while self._untold:
            number = self._untold.popleft()
            if self._ledger.taken(number):
                self._say(Taken(number=number))

    def _tell_later(self) -> None:
        """Have told what is taken and nothing else comes with, as long as anything is not."""
        if self._telling is None and self._ledger.untaken:
            self._telling = self._loop.call_later(_TELL_S, self._tell_now)

    def _tell_now(self) -> None:
        self._telling = None
        self._tell_taken()
        self._tell_later()

    def _tell_dropped(self, numbers: list[int], why: str) -> None:
        if numbers:
            self._counts.drop(len(numbers), why)
            self._say(Dropped(numbers=numbers, why=why))

    def _say(self, told: Told) -> None:
        if self.tell is not None:
            self.tell(told)

    def _soon(self, act: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(act)
        except RuntimeError:  # the server has ended
            return
