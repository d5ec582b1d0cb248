"""Client: an operator's connection; what happens on it stands in a queue until it is asked for."""

from __future__ import annotations

import queue
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, final

from agent.control.delivery import Message, Received
from agent.control.session import Session
from agent.control.topics import COMMANDS
from agent.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from agent.control.broker import Broker

CONNECT_S = 30.0
"""Within which a connection is made, or why it can't be is known. Chosen, not measured."""
RETAINED_S = 60.0
"""Within which all retained documents came. Chosen, not measured: those of 500 devices take less
than a second."""
QUIET_S = 0.2
"""Without another retained document, after the broker has answered what was sent behind the
subscriptions. mosquitto needs none: it writes in order. Chosen, not measured."""
_STOP_S = 2.0


@dataclass(frozen=True, slots=True)
class Connected:
    """There is a connection, and every subscription is made; what was in flight is not any more."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection is gone, or could not be made; the next one is tried for by itself."""

    reason: str


@dataclass(frozen=True, slots=True)
class Published:
    """The broker has answered what was published.

    Attributes:
        code: 0 taken, 0x10 taken and nobody listens, from 0x80 on refused.
    """

    token: object
    code: int


Happening = Connected | Disconnected | Published | Received


class Line(Protocol):
    """What orders and configurations are given on: a client, or a part of one."""

    def connect(self) -> None:
        """See that there is a connection.

        Raises:
            InputError: there is none.
        """
        ...

    def publish(self, message: Message, token: object = None) -> None:
        """Send; see `Client.publish`."""
        ...

    def next(self, timeout_s: float) -> Happening | None:
        """What happened next; None if nothing does within the time."""
        ...


@final
class Client:
    """A connection, as a context; all of it is one thread's.

    Args:
        subscriptions: filters and the QoS of each.
        name: the client's id; what it names is kept for it while it is away, until it acknowledges
            it. None: a new one; nothing is kept, and nothing has to be acknowledged.
    """

    def __init__(
        self,
        broker: Broker,
        root: str,
        subscriptions: Sequence[tuple[str, int]],
        *,
        name: str | None = None,
    ) -> None:
        self._broker, self._root, self._is_kept = broker, root, name is not None
        self._id = name or f"ctl-{secrets.token_hex(8)}"
        self._happenings: queue.SimpleQueue[Happening] = queue.SimpleQueue()
        self._session = Session(
            broker,
            self._id,
            _Noting(self._happenings),
            subscriptions=subscriptions,
            clean=name is None,
        )

    def __enter__(self) -> Client:
        self._session.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._session.stop(None, _STOP_S)

    def connect(self) -> None:
        """Wait for the connection.

        Raises:
            InputError: the first attempt failed.
        """
        happening = self.next(CONNECT_S)
        if isinstance(happening, Disconnected):
            raise self.unreachable(happening.reason)
        if not isinstance(happening, Connected):
            raise self.unreachable(f"no answer within {CONNECT_S:.0f} s")

    def unreachable(self, reason: str) -> InputError:
        """What is said where it does not go on without a connection."""
        return InputError(f"broker {self._broker.host}:{self._broker.port}: {reason}")

    def publish(self, message: Message, token: object = None) -> None:
        """Send; without a connection it is lost, and `Connected` comes before it could be sent."""
        self._session.publish(message, token)

    def acknowledge(self, received: Received) -> None:
        """Let the broker forget it."""
        if received.receipt is not None:
            self._session.acknowledge(received.receipt)

    def next(self, timeout_s: float) -> Happening | None:
        """What happened next; None if nothing does within the time."""
        try:
            return self._heard(self._happenings.get(timeout=max(0.0, timeout_s)))
        except queue.Empty:
            return None

    def waiting(self, most: int) -> Iterator[Happening]:
        """What has happened by now, without waiting for more."""
        for _ in range(most):
            try:
                yield self._heard(self._happenings.get_nowait())
            except queue.Empty:
                return

    def _heard(self, happening: Happening) -> Happening:
        """What happened, acknowledged where the caller doesn't do so."""
        if isinstance(happening, Received) and not self._is_kept:
            self.acknowledge(happening)
        return happening

    def retained(self) -> Iterator[Received]:
        """Every retained document of the subscriptions, which have to be of QoS 0.

        A document that is written meanwhile comes as well. The end is known without a pause for
        each: the broker answers a message that nobody gets behind the last of them.

        Raises:
            InputError: the connection was lost, or there is no end.
        """
        nobody = COMMANDS["ping"].of(self._root, self._id)  # which operators may write to
        self.publish(Message(nobody, b""), self)
        deadline_s, answered = time.monotonic() + RETAINED_S, False
        while time.monotonic() < deadline_s:
            happening = self.next(QUIET_S if answered else deadline_s - time.monotonic())
            if isinstance(happening, Received):
                yield happening
            elif isinstance(happening, Disconnected):
                raise self.unreachable(happening.reason)
            elif isinstance(happening, Published) and happening.token is self:
                answered = True
            elif happening is None and answered:
                return
        raise self.unreachable(f"its retained documents did not end within {RETAINED_S:.0f} s")


class _Noting:
    """The listener: on the session's thread it only notes."""

    def __init__(self, happenings: queue.SimpleQueue[Happening]) -> None:
        self._put = happenings.put

    def connected(self) -> None:
        self._put(Connected())

    def disconnected(self, reason: str) -> None:
        self._put(Disconnected(reason))

    def received(self, message: Received) -> None:
        self._put(message)

    def published(self, token: object, code: int) -> None:
        self._put(Published(token, code))
