"""Connection: one client object for one connection to an MQTT broker."""

from __future__ import annotations

import socket
import ssl
import time
from selectors import EVENT_READ, EVENT_WRITE, BaseSelector
from typing import TYPE_CHECKING, Any, NamedTuple, final

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent.control import failure
from agent.control.delivery import Received

if TYPE_CHECKING:
    from collections.abc import Callable

    from paho.mqtt.reasoncodes import ReasonCode

    from agent.control.broker import Broker
    from agent.control.delivery import Listener, Message

STEP_S = 10.0
"""The most that a look-up, a connection and a handshake may take, each. Chosen, not measured."""
_ANSWER_S = 20.0
_KEEPALIVE_S = 60
"""Chosen, not measured, both: a broker under a storm of connections may take seconds to answer."""
_READ_S = 1.0
"""How long to read what is decrypted already: a broker can have every TLS record end in the middle of a
message, for ever, and the agent would be taken for dead. A record of 4,000 messages takes 0.2 s; of
what a longer one leaves, the next that arrives tells."""
_MOST_UNACKNOWLEDGED = 16
"""Messages that a broker sends before it waits; it has room for the others. Chosen, not measured."""
_MOST_PACKET_BYTES = 4 * 2**20
"""Far above any command, so that one that is too large arrives and is answered, not swallowed."""
_MOST_HEADER_BYTES = 64
"""Of a message, beside topic and payload: 20 are needed for what is sent here."""
_FAILED, _TOO_LARGE = 0x80, 0x95


class Terms(NamedTuple):
    """What is agreed upon at each connection; `agent.control.session` describes it."""

    broker: Broker
    client_id: str
    will: Message | None
    will_delay_s: int
    subscriptions: list[tuple[str, int]]
    clean: bool


class Receipt(NamedTuple):
    """What a message is acknowledged by."""

    connection: Connection
    mid: int


@final
class Connection:
    """Thrown away at the end, with all that paho keeps, which it would send again all at once.

    All of it runs on the thread that makes it.

    Args:
        opened: is called once the broker has agreed to everything.
        listener: is told what comes from then on; raises nothing.
    """

    def __init__(
        self,
        terms: Terms,
        selector: BaseSelector,
        tls: ssl.SSLContext | None,
        opened: Callable[[], None],
        listener: Listener,
    ) -> None:
        self._terms, self._selector = terms, selector
        self._opened, self._listener = opened, listener
        self._is_v5 = terms.broker.version == "5"
        self._tokens: dict[int, object] = {}
        self._early: list[Received] = []
        self._last: int | None = None
        self._is_leaving = False
        self._most_bytes = 2**28 - 1  # the protocol's own limit
        self._logged: str | None = None
        self._has_answer = terms.broker.tls is None  # or has let this side's certificate in
        self._begun_s = time.monotonic()
        self.opened_s: float | None = None
        self.failure: str | None = None
        self._client = self._make_client(tls)

    def connect(self, address: str) -> None:
        """Begin; what follows is told.

        Raises:
            OSError: nobody is there, or not the broker.
        """
        terms = self._terms
        self._client.connect(
            address,
            terms.broker.port,
            _KEEPALIVE_S,
            clean_start=terms.clean if self._is_v5 else mqtt.MQTT_CLEAN_START_FIRST_ONLY,
            properties=self._properties(
                PacketTypes.CONNECT,
                SessionExpiryInterval=0 if terms.clean else terms.broker.session_expiry_s,
                ReceiveMaximum=_MOST_UNACKNOWLEDGED,
                MaximumPacketSize=_MOST_PACKET_BYTES,
            ),
        )

    def expect(self) -> None:
        """Wait for room in the socket only while there is something to send."""
        sock = self._client.socket()
        if sock is not None:
            writing = EVENT_WRITE if self._client.want_write() else 0
            self._selector.modify(sock, EVENT_READ | writing)

    def handle(self, events: int) -> None:
        """Read and write what there is."""
        if events & EVENT_WRITE:
            self._client.loop_write()
        if events & EVENT_READ:
            until_s = time.monotonic() + _READ_S
            self._client.loop_read()
            while isinstance(sock := self._client.socket(), ssl.SSLSocket) and sock.pending():
                self._client.loop_read()  # no selector sees what is decrypted already
                if time.monotonic() > until_s:
                    return

    def look_after(self) -> None:
        """Ask whether the broker is there, now and then; give up where it does not agree."""
        self._client.loop_misc()
        if self.opened_s is None and time.monotonic() > self._begun_s + _ANSWER_S:
            self.fail(f"the broker did not answer within {_ANSWER_S:.0f} s")

    def publish(self, message: Message, token: object) -> None:
        """Hand a message over."""
        if len(message.payload) + len(message.topic) + _MOST_HEADER_BYTES > self._most_bytes:
            self._listener.published(token, _TOO_LARGE)  # a broker would end the connection for it
            return
        try:
            mid = self._send(message)
        except ValueError:  # a topic that there can't be
            self._listener.published(token, _FAILED)
            return
        if message.qos == 0:
            self._listener.published(token, 0)
        else:
            self._tokens[mid] = token

    def acknowledge(self, mid: int) -> None:
        """Have the broker forget a message."""
        self._client.ack(mid, 1)

    def take_leave(self, last: Message | None) -> None:
        """Disconnect, once the broker has the last message, of QoS 1."""
        self._is_leaving = True
        if last is None:
            self._client.disconnect()
        else:
            self._last = self._send(last)

    def fail(self, reason: str) -> None:
        """It is over; the first reason counts."""
        if self.failure is None:
            self.failure = reason

    def close(self) -> None:
        """Let go of the socket; the broker hears of it unless this takes leave."""
        if self._is_leaving:
            self._client.disconnect()
        sock = self._client.socket()
        if sock is not None:
            self._on_close(self._client, None, sock)
            self._client.on_socket_close = None
            sock.close()

    def _make_client(self, tls: ssl.SSLContext | None) -> mqtt.Client:
        terms = self._terms
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            terms.client_id,
            clean_session=None if self._is_v5 else terms.clean,
            protocol=MQTTProtocolVersion.MQTTv5 if self._is_v5 else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = STEP_S
        if terms.broker.username is not None:
            client.username_pw_set(terms.broker.username, terms.broker.password)
        if tls is not None:
            client.tls_set_context(tls)
        if (will := terms.will) is not None:
            delay = self._properties(PacketTypes.WILLMESSAGE, WillDelayInterval=terms.will_delay_s)
            client.will_set(will.topic, will.payload, will.qos, will.retain, delay)
        client.on_socket_open, client.on_socket_close = self._on_open, self._on_close
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_subscribe, client.on_message = self._on_subscribe, self._on_message
        client.on_publish, client.on_log = self._on_publish, self._on_log
        return client

    def _properties(self, kind: int, **values: int | None) -> Properties | None:
        """Those that are not None; none at all before MQTT 5."""
        if not self._is_v5:
            return None
        properties = Properties(kind)  # type: ignore[no-untyped-call]
        for name, value in values.items():
            if value is not None:
                setattr(properties, name, value)
        return properties

    def _send(self, message: Message) -> int:
        expiry = self._properties(PacketTypes.PUBLISH, MessageExpiryInterval=message.expiry_s)
        return self._client.publish(
            message.topic, message.payload, message.qos, message.retain, expiry
        ).mid

    def _on_open(self, _client: mqtt.Client, _: Any, sock: Any) -> None:
        # Else each small message waits until the one before was acknowledged: 23.8 ms a command
        # instead of 1.1 (measured, loopback).
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(sock, EVENT_READ | EVENT_WRITE)

    def _on_close(self, _client: mqtt.Client, _: Any, sock: Any) -> None:
        self._selector.unregister(sock)

    def _on_log(self, _client: mqtt.Client, _: Any, level: int, said: str) -> None:
        if level == mqtt.MQTT_LOG_ERR:
            self._logged = said

    def _on_connect(
        self,
        _client: mqtt.Client,
        _: Any,
        _flags: Any,
        code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self._has_answer = True
        if code.is_failure:
            self.fail(failure.by_broker(code.getName()))
            return
        self._most_bytes = getattr(properties, "MaximumPacketSize", self._most_bytes)
        if self._terms.subscriptions:
            self._client.subscribe(self._terms.subscriptions)
        else:
            self._agree()

    def _on_subscribe(
        self, _client: mqtt.Client, _: Any, _mid: int, codes: list[ReasonCode], _properties: Any
    ) -> None:
        for (topic, _qos), code in zip(self._terms.subscriptions, codes, strict=False):
            if code.is_failure:
                self.fail(f"the broker refuses the subscription to {topic}: {code.getName()}")
                return
        self._agree()

    def _agree(self) -> None:
        self.opened_s = time.monotonic()
        self._opened()
        for message in self._early:
            self._listener.received(message)
        self._early.clear()

    def _on_message(self, _client: mqtt.Client, _: Any, message: mqtt.MQTTMessage) -> None:
        received = Received(
            message.topic,
            bytes(message.payload),
            message.qos,
            message.retain,
            getattr(message.properties, "MessageExpiryInterval", None),
            Receipt(self, message.mid) if message.qos else None,
        )
        if self.opened_s is None:  # of the session before, or retained
            self._early.append(received)
        else:
            self._listener.received(received)

    def _on_publish(
        self, _client: mqtt.Client, _: Any, mid: int, code: ReasonCode, _properties: Any
    ) -> None:
        if mid == self._last:
            self._client.disconnect()
        elif mid in self._tokens:
            self._listener.published(self._tokens.pop(mid), code.value)

    def _on_disconnect(
        self, _client: mqtt.Client, _: Any, flags: Any, code: ReasonCode, _properties: Any
    ) -> None:
        if self._is_leaving:
            self.fail(failure.LEFT)
        elif flags.is_disconnect_packet_from_server:
            self.fail(f"the broker ended the connection: {code.getName()}")
        else:
            self.fail(failure.of_connection(self._logged or code.getName(), self._has_answer))
