"""Delivery: what passes between a session and whoever holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be published.

    Attributes:
        expiry_s: after which a broker need not deliver it any more; MQTT 5 only.
    """

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    expiry_s: int | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """What was published to this side.

    Attributes:
        retained: it was there before this side subscribed.
        expiry_s: seconds that it may still wait; None: for ever, or the sender did not say.
        receipt: what `Session.acknowledge` takes; None: nothing is to be acknowledged.
    """

    topic: str
    payload: bytes
    qos: int
    retained: bool
    expiry_s: int | None
    receipt: object | None


class Listener(Protocol):
    """Is told what happens; on the session's thread, so it only notes it."""

    def connected(self) -> None:
        """Connected, and every subscription is made; nothing from before is in flight any more."""
        ...

    def disconnected(self, reason: str) -> None:
        """The connection is gone, or could not be made."""
        ...

    def received(self, message: Received) -> None:
        """A message came."""
        ...

    def published(self, token: object, code: int) -> None:
        """The broker has answered: 0 taken, 0x10 taken and nobody listens, from 0x80 on refused."""
        ...
