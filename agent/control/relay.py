"""Relay: hands what a connection's thread hears to the control plane's."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.control.delivery import Received
    from agent.control.exchange import Exchange


class Relay:
    """A `Listener` that only notes what it hears.

    Args:
        post: has something done on the control plane's thread.

    Attributes:
        exchange: whom it is for; set before the connection begins.
    """

    exchange: Exchange

    def __init__(self, post: Callable[[Callable[[], None]], None]) -> None:
        self._post = post

    def connected(self) -> None:
        """See `Listener`."""
        self._post(self.exchange.connected)

    def disconnected(self, _reason: str) -> None:
        """See `Listener`."""
        self._post(self.exchange.disconnected)

    def received(self, message: Received) -> None:
        """See `Listener`."""
        self._post(partial(self.exchange.received, message))

    def published(self, token: object, code: int) -> None:
        """See `Listener`."""
        self._post(partial(self.exchange.published, token, code))
