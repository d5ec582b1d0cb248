"""Keeper: makes a connection, looks after it, and makes another one when it is gone."""

from __future__ import annotations

import logging
import selectors
import threading
import time
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from agent.control.failure import CLOCK
from agent.control.mailbox import Mailbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.control.reconnection import Reconnection

_log = logging.getLogger(__name__)

_ROUND_S = 1.0
"""A connection is looked after this often, if nothing happens. Chosen, not measured."""


class Connection(Protocol):
    """What is looked after; made by a selector, in which its socket is registered."""

    @property
    def opened_s(self) -> float | None:
        """Since when it is of use, on the monotonic clock; None: it is not yet."""
        ...

    @property
    def failure(self) -> str | None:
        """Why it is over, in one line; None: it is not."""
        ...

    def expect(self) -> None:
        """Tell the selector what its socket waits for."""
        ...

    def handle(self, events: int) -> None:
        """Its socket has something, or takes something."""
        ...

    def look_after(self) -> None:
        """Do what time asks for."""
        ...

    def close(self) -> None:
        """Let go of its socket at once."""
        ...


C = TypeVar("C", bound=Connection)


class Keeper(Generic[C]):
    """A thread, and what it keeps. Other threads may `put`, `start`, `end` and read.

    Args:
        connect: makes a connection, or raises a ConnectionError that says why not.
        lost: is told why a connection is gone, or could not be made.

    Attributes:
        connection: the one that there is.
        attempts: how often one was to be made.
        heard_s: when the thread last went round, on the monotonic clock.
    """

    def __init__(
        self,
        connect: Callable[[selectors.BaseSelector], C],
        lost: Callable[[str], None],
        reconnection: Reconnection,
    ) -> None:
        self._connect, self._lost, self._reconnection = connect, lost, reconnection
        self._mailbox = Mailbox()
        self._selector = selectors.DefaultSelector()  # select() itself ends at descriptor 1023
        self._selector.register(self._mailbox, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="session", daemon=True)
        self._end_s: float | None = None
        self.connection: C | None = None
        self.attempts = 0
        self.heard_s = time.monotonic()

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def put(self, call: Callable[[], None]) -> None:
        """Have something called on the thread."""
        self._mailbox.put(call)

    def put_for(self, connection: C, call: Callable[[], None]) -> None:
        """Have something called on the thread, unless this connection is gone by then."""
        self._mailbox.put(lambda: call() if connection is self.connection else None)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def end(self, timeout_s: float) -> None:
        """Make no connection any more, and return when there is none, or after this time.

        Who calls this has asked the connection to end, or lets the time pass.
        """
        self._end_s = time.monotonic() + timeout_s
        if self._thread.ident is None:
            self._let_go()
            return
        self._mailbox.put(lambda: None)
        self._thread.join(timeout_s + _ROUND_S)  # a name server or a handshake may still hold it

    def _run(self) -> None:
        try:
            while not self._is_over:
                self.heard_s = time.monotonic()
                try:
                    self._go_round()
                except Exception as error:  # noqa: BLE001 whatever a broker sends, the thread goes on
                    _log.exception("a connection failed")
                    self._lose(f"a fault of this program: {error!r}")
        finally:
            if self.connection is not None:
                self.connection.close()
            self._let_go()

    @property
    def _is_over(self) -> bool:
        if self._end_s is None:
            return False
        return self.connection is None or time.monotonic() > self._end_s

    def _go_round(self) -> None:
        wait_s = _ROUND_S
        if self.connection is None:
            wait_s = min(wait_s, self._reconnection.wait_s)
            if wait_s <= 0:
                self._make()
                return
        else:
            self.connection.expect()
        for key, events in self._selector.select(wait_s):
            if key.fileobj is not self._mailbox and self.connection is not None:
                self.connection.handle(events)
        for call in self._mailbox.take():
            call()
        if self.connection is not None:
            self.connection.look_after()
            if self.connection.failure is not None:
                self._lose(self.connection.failure)

    def _make(self) -> None:
        self.attempts += 1
        try:
            self.connection = self._connect(self._selector)
        except ConnectionError as error:
            self._lose(str(error))
            return
        if self.connection.failure is not None:
            self._lose(self.connection.failure)

    def _lose(self, reason: str) -> None:
        connection, self.connection = self.connection, None
        lasted_s = 0.0
        if connection is not None:
            connection.close()
            lasted_s = time.monotonic() - (connection.opened_s or time.monotonic())
        self._reconnection.lost(lasted_s, by_clock=reason.startswith(CLOCK))
        self._lost(reason)

    def _let_go(self) -> None:
        self._selector.close()
        self._mailbox.close()
