"""Relay: hands what a connection's thread hears to the control plane's."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from queue import SimpleQueue

    from agent.control.delivery import Received
    from agent.control.exchange import Exchange

_MOST_WAITING = 1000
"""Of what may be lost. Chosen, not measured: a broker holds the rest back by itself, for it waits
until what it sent before is acknowledged."""


class Relay:
    """A `Listener` that only notes what it hears.

    Args:
        queue: of what is done on the control plane's thread.

    Attributes:
        exchange: whom it is for; set before the connection begins.
    """

    exchange: Exchange

    def __init__(self, queue: SimpleQueue[Callable[[], None]]) -> None:
        self._queue = queue

    def connected(self) -> None:
        """See `Listener`."""
        self._queue.put(self.exchange.connected)

    def disconnected(self, reason: str) -> None:
        """See `Listener`."""
        self._queue.put(partial(self.exchange.disconnected, reason))

    def received(self, message: Received) -> None:
        """See `Listener`."""
        if message.qos > 0 or self._queue.qsize() < _MOST_WAITING:
            self._queue.put(partial(self.exchange.received, message))
        else:
            self.exchange.flooded += 1

    def published(self, token: object, code: int) -> None:
        """See `Listener`."""
        self._queue.put(partial(self.exchange.published, token, code))
