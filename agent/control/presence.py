"""Presence: a device's own `conn`, by which others know that it is there, and it that a broker is."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from agent.control.delivery import Message
from agent.control.failure import LEFT
from agent.control.messages import Conn
from agent.control.topics import CONN
from agent.control.twin import Twin
from agent.outage import Outage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.control.delivery import Received
    from agent.control.messages import EventKind, Scalar
    from agent.control.records import Records
    from agent.control.session import Session
    from agent.control.terms import Terms

Reason = Literal["start", "clean", "lost", "twin"]

_log = logging.getLogger(__name__)

CONN_S = 60.0
"""How often it is asked whether the broker still answers, by a PUBACK of the device's own `conn`:
a connection whose other end is gone says that it is connected for as long as it likes."""
ANSWER_S = 30.0
"""How long that may take. Chosen, not measured: 30 times what a satellite takes."""

TWIN_S = 600.0
"""How long a twin is told of after it was seen. Chosen, not measured: ten times its way back."""
TWIN_HOLD_OFF_S = 60.0

REFUSED = 0x80
"""Reason code of MQTT 5: from here on, the broker did not take it."""


class Presence:
    """Says `conn`, waits for the answer, and hears who else says it.

    Args:
        put: sends a message, and calls what is to be done with the code of its PUBACK.
        tell: notes an event.
    """

    def __init__(
        self,
        terms: Terms,
        session: Session,
        records: Records,
        put: Callable[[str, Message, Callable[[int], None]], None],
        tell: Callable[[EventKind, Mapping[str, Scalar]], None],
    ) -> None:
        self._terms, self._session, self._records = terms, session, records
        self._put, self._tell, self._clock = put, tell, records.clock
        self._twin = Twin(records.boot_id, records.outbox.is_of_past)
        self._must_hold_off = False
        self._connected, self._outage = False, Outage()
        self._has_connected = False
        self._began_ms, self._twin_seen_s = self._clock.mono_ms(), -TWIN_S
        self._asked_s: float | None = None
        self._due_s = 0.0

    def connected(self) -> None:
        """A connection begins."""
        self._connected = True
        self._twin.connected()
        self._asked_s = None
        self.say()

    def disconnected(self, reason: str) -> None:
        """It is gone, or could not be made."""
        self._connected = False
        if reason != LEFT and (line := self._outage.failed(reason, self._clock.monotonic())):
            _log.warning("MQTT: %s", line)

    def tend(self, now_s: float) -> None:
        """Whatever is due; often."""
        if self._must_hold_off and self._is_told:
            self._must_hold_off = False
            self._session.hold_off(TWIN_HOLD_OFF_S)
        if not self._connected:
            return
        if self._asked_s is not None and now_s - self._asked_s > ANSWER_S:
            self._session.reconnect(f"the broker has not answered for {ANSWER_S:.0f} s")
            self._asked_s = None
        if now_s >= self._due_s:
            self.say()

    def say(self) -> None:
        """Say that the device is there."""
        now_s = self._clock.monotonic()
        reason: Reason = "twin" if now_s - self._twin_seen_s < TWIN_S else "start"
        self._put("conn", conn_of(self._terms, self._records, reason), self._answered)
        self._due_s = now_s + CONN_S
        if self._asked_s is None:
            self._asked_s = now_s

    def heard(self, message: Received) -> bool:
        """What was said on `conn`, by whomever; whether it can be read."""
        try:
            conn = Conn.model_validate_json(message.payload)
        except ValidationError:
            return False
        began_ts = self._clock.ts_of(self._began_ms, self._clock.machine_boot)
        if self._twin.is_shown_by(conn, retained=message.retained, began_ts=began_ts):
            self._saw_twin(conn)
        return True

    def _saw_twin(self, conn: Conn) -> None:
        now_s = self._clock.monotonic()
        is_news = now_s - self._twin_seen_s >= TWIN_S
        self._twin_seen_s, self._must_hold_off = now_s, True
        if is_news:  # else two that a bridge holds together would answer each other for ever
            _log.error(
                "another device connects as %s: one of the two needs another name and certificate",
                self._terms.device,
            )
            self._tell("twin", {"boot_id": conn.boot_id})
            self._records.database.commit()
            self.say()

    @property
    def _is_told(self) -> bool:
        """Whether the broker has been told of the twin, or can't be."""
        return bool(self._records.outbox.told["twin"] or self._records.database.fault)

    def _answered(self, code: int) -> None:
        self._asked_s = None
        if code < REFUSED:
            self._twin.published()
            over = self._outage.over(self._clock.monotonic())
            if over or not self._has_connected:
                broker = self._terms.broker
                _log.info("MQTT: connected to %s:%s", broker.host, broker.port)
            self._has_connected = True
        else:
            topic = CONN.of(self._terms.root, self._terms.device)
            self._session.reconnect(
                f"the broker refuses what is said at {topic} (reason code 0x{code:02x}); check its ACL"
            )


def conn_of(terms: Terms, records: Records, reason: Reason) -> Message:
    """What is said of the connection itself; `lost` is for the broker to say."""
    is_will = reason == "lost"  # it is published at a time, and after events, that nobody knows
    conn = Conn(
        online=reason in ("start", "twin"),
        boot_id=records.boot_id,
        reason=reason,
        ts=None if is_will else records.clock.now(),
        clock_synced=records.clock.synced,
        epoch=None if is_will else records.outbox.epoch or None,
        seq=None if is_will else records.outbox.last or None,
    )
    topic = CONN.of(terms.root, terms.device)
    return Message(topic, conn.model_dump_json().encode(), qos=1, retain=True)
