"""Ledger: what became of the numbers that a camera's client sent; and when a client may send.

A client numbers what it sends. Each number is answered `taken` once its frame was handed to the
analysis, and then exactly once by a picture or by `dropped`; what never came so far is dropped
alone. Counting pictures instead of takes would stand still: analysis waits for later frames, and
the client for earlier pictures.

The client's rule is `may_send`; `agent/live/page/credit.js` has the same one.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from agent.live.wire import BAD_MESSAGE, POLICY, WireError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.live.show import ShowState

MOST_UNANSWERED = 240
"""Numbers of one client that may be open. Chosen, not measured: four seconds of the fastest camera
that is let in; look-ahead holds a tenth of it."""


@dataclass(frozen=True, slots=True)
class Credit:
    """How far a client may run ahead; the server tells it in its welcome.

    Attributes:
        most_untaken: frames that are not taken yet.
        most_age_ms: age of the oldest of them. A limit in frames alone is a delay that grows as
            the rate falls: with 8 in flight at 4.4 fps it was 1.9 s.
        most_late_ms: age of the oldest number that came neither as a picture nor as dropped.
    """

    most_untaken: int
    most_age_ms: float
    most_late_ms: float


MOST_UNTAKEN = 4
MOST_AGE_MS = 200.0
_LATE_MS = 400.0
"""All three: design of live display. The last is what a picture may be late beyond hold-back."""


_USUAL_FPS = 30.0
"""Of a camera that has shown nothing yet."""


def hold_back_ms(state: ShowState | None) -> float:
    """How long a frame waits inside for what it needs before it may be shown."""
    if state is None:
        return 0.0
    return state.hold_back_frames * 1000 / (state.fps or _USUAL_FPS)


def credit_of(state: ShowState | None) -> Credit:
    """What a client is told whose stream is like this."""
    return Credit(MOST_UNTAKEN, MOST_AGE_MS, hold_back_ms(state) + _LATE_MS)


def may_send(credit: Credit, untaken_ms: Iterable[float], unanswered_ms: Iterable[float]) -> bool:
    """Whether a client may send its next frame, or must leave it out before it is encoded.

    Args:
        credit: what the server told.
        untaken_ms: age of each number that was sent and not yet taken or dropped.
        unanswered_ms: age of each that came neither as a picture nor as dropped.
    """
    ages = list(untaken_ms)
    return (
        len(ages) < credit.most_untaken
        and max(ages, default=0.0) <= credit.most_age_ms
        and max(unanswered_ms, default=0.0) <= credit.most_late_ms
    )


@final
class Ledger:
    """The server's side, of one client; for one thread.

    Attributes:
        answered: numbers so far that came as a picture.
        dropped: numbers so far that won't.
    """

    def __init__(self) -> None:
        self.answered = self.dropped = 0
        self._open: OrderedDict[int, bool] = OrderedDict()  # by number: whether it was taken
        self._last = 0

    @property
    def unanswered(self) -> int:
        """Numbers that came neither as a picture nor as dropped."""
        return len(self._open)

    @property
    def untaken(self) -> int:
        """Of those, the ones that were not taken either."""
        return sum(not is_taken for is_taken in self._open.values())

    def sent(self, number: int) -> list[int]:
        """A client's frame is here; which before it were lost on the way.

        The newest of those, `MOST_UNANSWERED` at most. A client's first may have any number.

        Raises:
            WireError: numbers don't rise, or the client doesn't wait for answers.
        """
        if number <= self._last:
            raise WireError(BAD_MESSAGE, "the numbers of a camera's pictures rise, from 1 on")
        if len(self._open) >= MOST_UNANSWERED:
            raise WireError(POLICY, f"{MOST_UNANSWERED} pictures wait for an answer", "limit")
        before, self._last = self._last or number, number
        self._open[number] = False
        lost = list(range(max(before + 1, number - MOST_UNANSWERED), number))
        self.dropped += len(lost)
        return lost

    def taken(self, number: int) -> bool:
        """Its frame was handed to the analysis; whether the client is to be told."""
        if self._open.get(number, True):
            return False
        self._open[number] = True
        return True

    def drop(self, numbers: Iterable[int]) -> list[int]:
        """No picture will come of these; those that the client is to be told."""
        gone = [number for number in numbers if self._open.pop(number, None) is not None]
        self.dropped += len(gone)
        return gone

    def shown(self, number: int) -> tuple[int, list[int]]:
        """A picture goes out that shows this frame: its number, and those to be dropped before it.

        Frames leave in order, so what was taken before it and is still open won't come. The number
        is 0 where it was answered already.
        """
        if self._open.pop(number, None) is None:
            return 0, []
        self.answered += 1
        return number, self.drop(
            [each for each, taken in self._open.items() if taken and each < number]
        )
