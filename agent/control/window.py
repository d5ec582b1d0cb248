"""Window: what is handed to the connection, and no more of it than a broker answers for."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from agent.control.delivery import Message

IN_FLIGHT = 20
"""Messages at once. paho sends whatever it was given at a reconnection, whatever the broker said
that it can take (paho #492), so that it is given no more than this."""

EVENTS_IN_FLIGHT = 16
"""Of which events: a result must not wait for all of those that an outage piled up."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message, and what its PUBACK is for."""

    token: Hashable
    message: Message


class Window:
    """Publishes in order, results and states before events.

    Args:
        publish: hands a message over; False where there is no connection.
        next_event: the next one to be sent; None where all were.
    """

    def __init__(
        self,
        publish: Callable[[Message, Hashable], bool],
        next_event: Callable[[], Parcel | None],
    ) -> None:
        self._publish, self._next_event = publish, next_event
        self._waiting: deque[Parcel] = deque()
        self._flying: dict[Hashable, bool] = {}

    def put(self, parcel: Parcel) -> None:
        """Have it sent before any event, unless it is under way already."""
        if parcel.token not in self._flying and parcel not in self._waiting:
            self._waiting.append(parcel)

    def landed(self, token: Hashable) -> bool:
        """The broker has answered for a message; whether it was in flight."""
        return self._flying.pop(token, None) is not None

    def clear(self) -> None:
        """Forget everything: the connection that it was for is gone."""
        self._waiting.clear()
        self._flying.clear()

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits for a connection or an answer, but for events."""
        return not self._waiting and not any(not is_event for is_event in self._flying.values())

    def pump(self) -> None:
        """Send what may be sent."""
        while self._waiting and len(self._flying) < IN_FLIGHT:
            if not self._send(self._waiting[0], is_event=False):
                return
            self._waiting.popleft()
        while len(self._flying) < IN_FLIGHT and self._events < EVENTS_IN_FLIGHT:
            parcel = self._next_event()
            if parcel is None or not self._send(parcel, is_event=True):
                return

    @property
    def _events(self) -> int:
        return sum(self._flying.values())

    def _send(self, parcel: Parcel, *, is_event: bool) -> bool:
        self._flying[parcel.token] = is_event
        if self._publish(parcel.message, parcel.token):
            return True
        self._flying.pop(parcel.token, None)
        return False
