"""Clients: whoever else is at a broker; they collect what they hear, and say what they are told."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING, final

from agent.control.delivery import Message
from agent.control.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from agent.control.broker import Broker
    from agent.control.delivery import Received

TIMEOUT_S = 60.0


@final
class Prompt(random.Random):
    """Draws short delays where a device would come back in its own time."""

    def uniform(self, a: float, b: float) -> float:
        return min(max(a, 0.05), b)


@final
class Client:
    """Connected while its context lasts, again and again if need be.

    Args:
        filters: what it subscribes to, at QoS 1.
        acknowledges: whether the broker may forget what it has heard.
        waits: whether the context begins only once it is connected.
        session: further arguments of the `Session`.

    Attributes:
        heard: all messages, in the order in which they came.
        reasons: why it was not connected, in order.
        connections: how often it was connected.
    """

    def __init__(
        self,
        broker: Broker,
        name: str,
        *filters: str,
        acknowledges: bool = True,
        waits: bool = True,
        **session: object,
    ) -> None:
        subscriptions = [(one, 1) for one in filters]
        session.setdefault("backoff", Prompt())
        self.session = Session(broker, name, self, subscriptions=subscriptions, **session)
        self._acknowledges, self._waits = acknowledges, waits
        self._changed = threading.Condition()
        self._codes: dict[object, int] = {}
        self.heard: list[Received] = []
        self.reasons: list[str] = []
        self.connections = 0

    def __enter__(self) -> Client:
        self.session.start()
        if self._waits:
            self.wait(lambda: self.connections)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.session.stop(None, 10)

    def connected(self) -> None:
        with self._changed:
            self.connections += 1
            self._changed.notify_all()

    def disconnected(self, reason: str) -> None:
        with self._changed:
            self.reasons.append(reason)
            self._changed.notify_all()

    def received(self, message: Received) -> None:
        with self._changed:
            self.heard.append(message)
            self._changed.notify_all()
        if self._acknowledges:
            self.session.acknowledge(message.receipt)

    def published(self, token: object, code: int) -> None:
        with self._changed:
            self._codes[token] = code
            self._changed.notify_all()

    def wait(self, has_come: Callable[[], object], timeout_s: float = TIMEOUT_S) -> None:
        """Until something is so; what it asks changes only with what is told to this client."""
        with self._changed:
            assert self._changed.wait_for(has_come, timeout_s), (self.reasons, self.heard[-5:])

    def wait_for(self, topic: str, payload: bytes | None = None) -> Received:
        """The first message of a topic, and with a payload if one is given; also if it came before."""

        def found() -> Received | None:
            fits = (
                message
                for message in self.heard
                if message.topic == topic and payload in (None, message.payload)
            )
            return next(fits, None)

        self.wait(found)
        message = found()
        assert message is not None
        return message

    def payloads(self, topic: str) -> list[bytes]:
        """What was said there, in order."""
        with self._changed:
            return [message.payload for message in self.heard if message.topic == topic]

    def publish(
        self,
        topic: str,
        payload: bytes = b"",
        *,
        qos: int = 1,
        retain: bool = False,
        expiry_s: int | None = None,
    ) -> int:
        """Say it, and again after each connection that broke meanwhile; what the broker answered."""
        message = Message(topic, payload, qos, retain, expiry_s)
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            token, lost = object(), len(self.reasons)
            if self.session.publish(message, token):
                self.wait(lambda t=token, n=lost: t in self._codes or len(self.reasons) > n)
                if token in self._codes:
                    return self._codes.pop(token)
            assert time.monotonic() < deadline, self.reasons
            time.sleep(0.01)

    def publish_all(self, messages: Sequence[tuple[str, bytes]]) -> list[int]:
        """Say all at once, without losing the connection; what the broker answered to each."""
        tokens = [object() for _ in messages]
        for token, (topic, payload) in zip(tokens, messages, strict=True):
            assert self.session.publish(Message(topic, payload), token)
        self.wait(lambda: all(token in self._codes for token in tokens))
        return [self._codes.pop(token) for token in tokens]
