"""Session: a lasting conversation with an MQTT broker, over one connection after the other."""

from __future__ import annotations

import logging
import random
import socket
from typing import TYPE_CHECKING, final

from agent.control import failure
from agent.control.addresses import Addresses
from agent.control.broker import is_loopback
from agent.control.connection import STEP_S, Connection, Receipt, Terms
from agent.control.keeper import Keeper
from agent.control.reconnection import Reconnection
from agent.control.tls import context_of
from agent.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from selectors import BaseSelector

    from agent.control.broker import Broker
    from agent.control.delivery import Listener, Message, Received

_log = logging.getLogger(__name__)

NOT_TRIED = "not tried yet"
"""Why there is no connection before the first attempt."""
_MOST_ADDRESSES = 4
"""Of a name, that are tried one after the other. Chosen, not measured."""
LONGEST_ROUND_S = STEP_S * (1 + 2 * _MOST_ADDRESSES) + 30.0
"""A session that has not been heard of for longer is stuck: connecting takes a look-up, and at each
address a connection and a handshake. The rest is for a machine under load; chosen, not measured."""


class _Guarded:
    """A listener that raises nothing: its fault is no reason to be deaf from then on."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def connected(self) -> None:
        _guard(self._listener.connected)

    def disconnected(self, reason: str) -> None:
        _guard(lambda: self._listener.disconnected(reason))

    def received(self, message: Received) -> None:
        _guard(lambda: self._listener.received(message))

    def published(self, token: object, code: int) -> None:
        _guard(lambda: self._listener.published(token, code))


def _check_is_here(host: str, addresses: Sequence[str]) -> None:
    """See that nothing is said unencrypted to another machine, wherever a name leads.

    Raises:
        InputError: it would be.
    """
    for address in addresses:
        if not is_loopback(address):
            raise InputError(
                f"{host} leads to {address}, which is another machine, and to those nothing is said "
                "unencrypted: set mqtt.ca"
            )


def _guard(call: Callable[[], None]) -> None:
    try:
        call()
    except Exception:  # noqa: BLE001
        _log.exception("a listener failed")


@final
class Session:
    """Connects, again and again, on a thread of its own; to be asked from any.

    What is unacknowledged when a connection ends is forgotten here: the listener publishes it again
    once connected, and the broker sends again what was not acknowledged to it.

    Args:
        client_id: names what the broker keeps for this side.
        will: what the broker says if this side vanishes.
        will_delay_s: and is not back by then; MQTT 5 only.
        subscriptions: filter and highest QoS; made on every connection.
        clean: the broker keeps nothing while this side is away.
        backoff: draws the delays.

    Attributes:
        connected: whether messages may be published.
        reason: why not, one line without secrets; it begins with "clock" where this device's clock
            is before the beginning of the broker's certificate.
        reconnections: how often it was connected, after the first time.
    """

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        listener: Listener,
        *,
        will: Message | None = None,
        will_delay_s: int = 30,
        subscriptions: Sequence[tuple[str, int]] = (),
        clean: bool = False,
        backoff: random.Random | None = None,
    ) -> None:
        self._terms = Terms(broker, client_id, will, will_delay_s, list(subscriptions), clean)
        self._listener = _Guarded(listener)
        self._addresses = Addresses(broker.host, broker.port)
        self._reconnection = Reconnection(broker.jitter_s, backoff or random.Random())  # noqa: S311
        self._keeper = Keeper(self._connect, self._lost, self._reconnection)
        self.connected = False
        self.reason = NOT_TRIED
        self.reconnections = 0
        self._was_connected = False

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._keeper.alive

    @property
    def heard_s(self) -> float:
        """When its loop last went round, on the monotonic clock."""
        return self._keeper.heard_s

    @property
    def attempts(self) -> int:
        """How often it tried to connect."""
        return self._keeper.attempts

    def start(self) -> None:
        """Begin to connect."""
        self._keeper.start()

    def publish(self, message: Message, token: object) -> bool:
        """Publish; the listener is told `token` and what the broker said, at QoS 0 success at once.

        Returns: False if there is no connection, and nothing will be told.
        """
        connection = self._keeper.connection
        if connection is None or not self.connected:
            return False
        self._keeper.put_for(connection, lambda: connection.publish(message, token))
        return True

    def acknowledge(self, receipt: object) -> None:
        """Have the broker forget a message; nothing if the connection that it came by is gone."""
        if isinstance(receipt, Receipt):
            connection, mid = receipt
            self._keeper.put_for(connection, lambda: connection.acknowledge(mid))

    def reconnect(self, reason: str) -> None:
        """Throw this connection away and make another one."""
        connection = self._keeper.connection
        if connection is not None:
            self._keeper.put_for(connection, lambda: connection.fail(reason))

    def hold_off(self, seconds: float) -> None:
        """Make no other connection before half of this, or up to all of it, has passed."""
        self._keeper.put(lambda: self._reconnection.hold_off(seconds))

    def retry_now(self) -> None:
        """Try to connect at once, unless that is held off."""
        self._keeper.put(self._reconnection.at_once)

    def stop(self, last: Message | None, timeout_s: float) -> None:
        """Publish `last`, wait until the broker has it, and take leave, so that it speaks no will.

        Args:
            last: of QoS 1.
            timeout_s: after which it leaves in any case.
        """
        self._keeper.put(lambda: self._take_leave(last))
        self._keeper.end(timeout_s)

    def _take_leave(self, last: Message | None) -> None:
        if self._keeper.connection is not None:
            self._keeper.connection.take_leave(last if self.connected else None)

    def _connect(self, selector: BaseSelector) -> Connection:
        broker = self._terms.broker
        error: Exception = socket.gaierror("no address")
        try:
            tls = context_of(broker.tls, broker.host) if broker.tls else None
            addresses = self._addresses.look_up(STEP_S)
            if tls is None:
                _check_is_here(broker.host, addresses)
        except (OSError, InputError) as failed:
            raise ConnectionError(failure.while_connecting(failed, broker)) from failed
        for address in addresses[:_MOST_ADDRESSES]:
            connection = Connection(self._terms, selector, tls, self._opened, self._listener)
            try:
                connection.connect(address)
            except OSError as failed:
                connection.close()
                error = failed
            else:
                return connection
        raise ConnectionError(failure.while_connecting(error, broker)) from error

    def _opened(self) -> None:
        self.reconnections += self._was_connected
        self.connected = self._was_connected = True
        self.reason = ""
        self._listener.connected()

    def _lost(self, reason: str) -> None:
        self.connected, self.reason = False, reason
        self._listener.disconnected(reason)
