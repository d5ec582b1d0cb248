"""Relay: hands what a connection's thread hears to the control plane's."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from queue import SimpleQueue

    from agent.control.delivery import Received
    from agent.control.exchange import Exchange

MOST_WAITING, MOST_WAITING_BYTES = 1000, 64 << 20
"""Messages. Chosen, not measured: a broker that is well has 16 on their way, and waits until one is
acknowledged. What one that isn't sends beyond is not handed on, and not acknowledged either."""


class Relay:
    """A `Listener` that only notes what it hears.

    Attributes:
        queue: of what is done on the control plane's thread.
        exchange: whom it is for; set before the connection begins.
    """

    exchange: Exchange

    def __init__(self, queue: SimpleQueue[Callable[[], None]]) -> None:
        self.queue = queue
        self._noted = self._noted_bytes = 0  # by the connection's thread
        self._done = self._done_bytes = 0  # by the control plane's

    def connected(self) -> None:
        """See `Listener`."""
        self.queue.put(self.exchange.connected)

    def disconnected(self, reason: str) -> None:
        """See `Listener`."""
        self.queue.put(partial(self.exchange.disconnected, reason))

    def received(self, message: Received) -> None:
        """See `Listener`."""
        size_bytes = len(message.payload)
        if (
            self._noted - self._done >= MOST_WAITING
            or self._noted_bytes - self._done_bytes + size_bytes > MOST_WAITING_BYTES
        ):
            self.exchange.flooded += 1
            return
        self._noted += 1
        self._noted_bytes += size_bytes
        self.queue.put(partial(self._hand_on, message))

    def published(self, token: object, code: int) -> None:
        """See `Listener`."""
        self.queue.put(partial(self.exchange.published, token, code))

    def _hand_on(self, message: Received) -> None:
        self._done += 1
        self._done_bytes += len(message.payload)
        self.exchange.received(message)
