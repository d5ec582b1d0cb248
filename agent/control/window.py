"""Window: what is handed to the connection, and no more of it than a broker answers for."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.control.delivery import Message

IN_FLIGHT = 20
"""Messages at once. paho sends whatever it was given at a reconnection, whatever the broker said
that it can take (paho #492), so that it is given no more than this."""

EVENTS_IN_FLIGHT = 16
"""Of which events: a result must not wait for all of those that an outage piled up."""


EVENT = "evt"
"""What a token of an event begins with."""

Token = tuple[str, str | int]
"""What a message is, and which one of these."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message on its way.

    Attributes:
        token: comes back with the PUBACK.
        settle: is called with the PUBACK's reason code.
    """

    token: Token
    message: Message
    settle: Callable[[int], None]


class Window:
    """Publishes in order, results and states before events.

    Args:
        publish: hands a message over; False where there is no connection.
        next_event: the next one to be sent; None where all were.
    """

    def __init__(
        self,
        publish: Callable[[Message, Token], bool],
        next_event: Callable[[], Parcel | None],
    ) -> None:
        self._publish, self._next_event = publish, next_event
        self._waiting: deque[Parcel] = deque()
        self._flying: dict[Token, Parcel] = {}

    def put(self, parcel: Parcel) -> None:
        """Have it sent before any event."""
        self._waiting.append(parcel)

    def landed(self, token: object) -> Parcel | None:
        """The broker has answered for this message; None: it was not in flight."""
        return self._flying.pop(cast("Token", token), None)

    def clear(self) -> None:
        """Forget everything: the connection that it was for is gone."""
        self._waiting.clear()
        self._flying.clear()

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits for a connection or an answer, but for events."""
        return not self._waiting and all(kind == EVENT for kind, _ in self._flying)

    def pump(self) -> None:
        """Send what may be sent."""
        while self._waiting and len(self._flying) < IN_FLIGHT:
            if not self._send(self._waiting.popleft()):
                return
        while len(self._flying) < IN_FLIGHT and self._events < EVENTS_IN_FLIGHT:
            parcel = self._next_event()
            if parcel is None or not self._send(parcel):
                return

    @property
    def _events(self) -> int:
        return sum(kind == EVENT for kind, _ in self._flying)

    def _send(self, parcel: Parcel) -> bool:
        """Hand it over; where that can't be, the connection is gone, and with it all of this."""
        self._flying[parcel.token] = parcel
        return self._publish(parcel.message, parcel.token)
