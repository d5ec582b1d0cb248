"""Trial: whether a broker lets a device in, found out by connecting."""

from __future__ import annotations

import queue
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.control.session import Session
from agent.control.topics import CONFIG_DESIRED
from agent.errors import InputError

if TYPE_CHECKING:
    from agent.control.delivery import Received
    from agent.control.identity import Identity

TIMEOUT_S = 30.0
"""Chosen, not measured: a handshake by satellite takes 3."""

_GOODBYE_S = 5.0


class _Outcome:
    """Notes what became of the first connection."""

    def __init__(self) -> None:
        self.first: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def connected(self) -> None:
        self.first.put(None)

    def disconnected(self, reason: str) -> None:
        self.first.put(reason)

    def received(self, message: Received) -> None:
        """Left unacknowledged: it comes again to the agent, whose session this is."""

    def published(self, token: object, code: int) -> None:
        """Nothing is."""


def try_out(identity: Identity) -> None:
    """Connect and subscribe as a device, as its agent will.

    It is the agent's own session, for a broker that calls clients by their certificates has no
    other: resumed, not begun anew, so that what waits in it stays. An agent that runs is cut off
    for a moment, and connects again.

    Raises:
        InputError: the broker can't be reached, or doesn't let the device in; the message says why.
    """
    outcome = _Outcome()
    topic = CONFIG_DESIRED.of(identity.root, identity.device)
    broker = replace(identity.broker, jitter_s=0.0)
    session = Session(broker, identity.device, outcome, subscriptions=((topic, 1),))
    session.start()
    try:
        reason = outcome.first.get(timeout=TIMEOUT_S)
    except queue.Empty:
        reason = f"{broker.host}:{broker.port} does not answer within {TIMEOUT_S:.0f} s"
    finally:
        session.stop(None, _GOODBYE_S)
    if reason is not None:
        # One that refuses a certificate may be gone before what it says of it is read.
        raise InputError(f"{reason}; what is in use stays so, and the broker's log may say more")
