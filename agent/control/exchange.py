"""Exchange: what passes between an agent and its broker, and when; it opens no connection itself.

Whatever a broker retains is published at each connection, and so is all that it has not answered
for: one that was killed may have forgotten everything, and doesn't say so.
"""

from __future__ import annotations

import logging
import math
import random
from collections import Counter
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import ValidationError

from agent.control import discovery
from agent.control.admission import Admission
from agent.control.delivery import Message
from agent.control.desired import read_desired
from agent.control.failure import LEFT
from agent.control.messages import Conn, ControlTele
from agent.control.ops import OPS
from agent.control.orders import Orders
from agent.control.refusal import Refusal
from agent.control.state import State
from agent.control.topics import CONFIG_DESIRED, CONN, EVENTS, RESULT, TELE, place_of
from agent.control.twin import Twin
from agent.control.window import EVENT, Parcel, Window
from agent.outage import Outage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import JsonValue

    from agent.control.clock import EventClock
    from agent.control.commands import Workers
    from agent.control.controlled import Controlled
    from agent.control.delivery import Received
    from agent.control.messages import EventKind, Result, Scalar
    from agent.control.ops import ReplayArgs
    from agent.control.records import Records
    from agent.control.terms import Terms
    from models.strict_model import StrictModel

Reason = Literal["start", "clean", "lost", "twin"]

_log = logging.getLogger(__name__)

COMMIT_S = 2.5
"""How long an event may wait to be written down with others: at 5 a second, 13 together. Each alone
would write 21 KiB (SQLite 3.40), and a card of flash wears out by that."""

CONN_S = 60.0
"""How often it is asked whether the broker still answers, by a PUBACK of the device's own `conn`:
a connection whose other end is gone says that it is connected for as long as it likes."""
ANSWER_S = 30.0
"""How long that may take. Chosen, not measured: 30 times what a satellite takes."""

DESIRED_S = 2.0
"""How often what `config/desired` says is looked at, and then the last of it. Chosen, not measured: who
sends more often is no person, and each look may be an event, a line of the log and a file."""

TWIN_S = 600.0
"""How long a twin is told of after it was seen. Chosen, not measured: ten times its way back."""
TWIN_HOLD_OFF_S = 60.0

BIRTH_S = 10.0
"""A random part of which passes before Home Assistant, which has just started, is told again what
the device is: all of them are asked at once. Chosen, not measured."""

_UNHEARD, _REFUSED = 0x10, 0x80
"""Reason codes of MQTT 5: nobody subscribes to it; from here on, the broker did not take it."""


class Connection(Protocol):
    """What an exchange needs of a session; see `agent.control.session`."""

    def publish(self, message: Message, token: object) -> bool: ...  # noqa: D102
    def acknowledge(self, receipt: object) -> None: ...  # noqa: D102
    def reconnect(self, reason: str) -> None: ...  # noqa: D102
    def hold_off(self, seconds: float) -> None: ...  # noqa: D102


class Exchange:
    """All of it happens on one thread, and nothing waits but for the disk.

    Args:
        controlled: what it speaks for.
        withdrawn: takes back what was retained on other terms.

    Attributes:
        flooded: messages that came too fast and were not looked at; counted by whoever lost them.
    """

    def __init__(
        self,
        terms: Terms,
        controlled: Controlled,
        connection: Connection,
        workers: Workers,
        records: Records,
        withdrawn: Message | None = None,
    ) -> None:
        self._terms, self._controlled, self._withdrawn = terms, controlled, withdrawn
        self._connection, self._records, self._clock = connection, records, records.clock
        self._state = State(terms, controlled)
        self._window = Window(connection.publish, self._next_event)
        self._orders = Orders(
            admission_of(terms, records.clock),
            records.inbox,
            workers,
            {"refresh": self._refresh, "replay": self._replay},
            self._publish_result,
            self._acknowledge,
            self.tell,
        )
        self._twin = Twin(records.boot_id, records.outbox.is_of_past)
        self._must_hold_off = False
        self._began_ms, self._twin_seen_s = self._clock.mono_ms(), -TWIN_S
        self._connected, self._outage = False, Outage()
        self.flooded = 0
        self._refused: Counter[str] = Counter()
        self._unheard = self._reconnections = self._published = 0
        self._noted_s: float | None = None
        self._asked_s: float | None = None
        self._conn_due_s = self._tele_due_s = self._desired_due_s = 0.0
        self._discovery_due_s = math.inf
        self._desired: bytes | None = None

    def tell(self, kind: EventKind, data: Mapping[str, Scalar]) -> None:
        """Something happened."""
        self._records.outbox.add(kind, data)
        if self._noted_s is None:
            self._noted_s = self._now_s

    def lost(self, count: int) -> None:
        """So many things happened that some could not be noted."""
        self._records.outbox.lost("they came too fast", count)
        if self._noted_s is None:
            self._noted_s = self._now_s

    def connected(self) -> None:
        """All that the broker should know is published (again)."""
        self._connected = True
        self._twin.connected()
        self._window.clear()
        self._records.outbox.rewind()
        self._state.forget()
        self._asked_s = None
        self._orders.take_up(self._controlled)
        self._say_conn()
        if self._withdrawn is not None:
            self._put("state", self._withdrawn)
        self._tend_state()
        self._records.database.commit()
        self._orders.publish_undelivered()

    def disconnected(self, reason: str) -> None:
        """Nothing that was in flight will be answered any more."""
        if reason != LEFT and (line := self._outage.failed(reason, self._now_s)):
            _log.warning("MQTT: %s", line)
        if self._connected:
            self._reconnections += 1
        self._connected = False
        self._window.clear()

    def received(self, message: Received) -> None:
        """A message came."""
        prefix = f"{self._terms.root}/{self._terms.device}/cmd/"
        if message.topic.startswith(prefix):
            dropped = self._orders.received(message.topic[len(prefix) :], message)
            if dropped is not None:
                self._refused[dropped] += 1
            return
        self._acknowledge(message.receipt)
        place = place_of(message.topic, self._terms.root)
        if place is not None and place.topic is CONN:
            self._saw_conn(message)
        elif place is not None and place.topic is CONFIG_DESIRED:
            self._desired = message.payload
        elif message.topic == discovery.BIRTH and message.payload == b"online":
            self._discovery_due_s = self._now_s + random.uniform(0, BIRTH_S)  # noqa: S311

    def published(self, token: object, code: int) -> None:
        """The broker has answered for a message."""
        parcel = self._window.landed(token)
        if parcel is None:
            return
        if code >= _REFUSED:
            kind, _ = parcel.token
            self._refused[f"{kind} by the broker"] += 1
        parcel.settle(code)

    def finished(self, result: Result) -> None:
        """A worker is done with a command."""
        self._orders.finished(result)

    def tend(self) -> None:
        """Whatever is due; often."""
        now_s = self._now_s
        self._write_down(now_s)
        if self._desired is not None and now_s >= self._desired_due_s:
            payload, self._desired = self._desired, None
            self._desired_due_s = now_s + DESIRED_S
            self._look_at_desired(payload)
        if self._connected:
            if self._asked_s is not None and now_s - self._asked_s > ANSWER_S:
                self._connection.reconnect(f"the broker has not answered for {ANSWER_S:.0f} s")
                self._asked_s = None
            if now_s >= self._conn_due_s:
                self._say_conn()
            if now_s >= self._discovery_due_s:
                self._discovery_due_s = math.inf
                self._state.forget(discovery.topic(self._terms.device))
            self._window.pump()
        self._give_way()

    def report(self) -> None:
        """Say how the agent is, where that has changed or is due; often, too."""
        if self._connected:
            self._tend_state()
            if self._now_s >= self._tele_due_s:
                self._say_tele(self._now_s)

    @property
    def has_all_sent(self) -> bool:
        """Whether the broker has answered for everything but events."""
        return self._window.is_empty and not self._orders.pending

    def adjust(self, terms: Terms) -> None:
        """Go by other terms, that need no other connection."""
        self._terms = self._state.terms = terms
        self._orders.admission = admission_of(terms, self._clock)

    def counts(self) -> ControlTele:
        """How it is, in numbers."""
        outbox = self._records.outbox
        refused = self._refused + Counter(flood=self.flooded)  # which leaves out what is 0
        return ControlTele(
            queued=outbox.depth,
            queued_bytes=outbox.depth_bytes,
            dropped=outbox.dropped,
            unheard=self._unheard + outbox.unheard,
            refused=dict(refused),
            reconnections=self._reconnections,
        )

    @property
    def _now_s(self) -> float:
        return self._clock.mono_ms() / 1000

    def _write_down(self, now_s: float) -> None:
        """Commit what must not wait, with all else; and then do what waited for that."""
        is_due = self._noted_s is not None and now_s - self._noted_s >= COMMIT_S
        while self._orders.pending or is_due:
            self._records.database.commit()
            self._noted_s, is_due = None, False
            self._orders.committed()

    def _give_way(self) -> None:
        """Leave the broker to a twin for a while, once it was told of it, or can't be."""
        outbox, database = self._records.outbox, self._records.database
        if self._must_hold_off and (outbox.told["twin"] or database.fault):
            self._must_hold_off = False
            self._connection.hold_off(TWIN_HOLD_OFF_S)

    def _say_conn(self) -> None:
        twin = self._now_s - self._twin_seen_s < TWIN_S
        message = conn_of(self._terms, self._records, "twin" if twin else "start")
        self._put("conn", message, self._conn_answered)
        self._conn_due_s = self._now_s + CONN_S
        if self._asked_s is None:
            self._asked_s = self._now_s

    def _say_tele(self, now_s: float) -> None:
        self._tele_due_s = now_s + self._terms.tele_interval_s
        tele = self._controlled.tele(self.counts(), self._records.boot_id)
        topic = TELE.of(self._terms.root, self._terms.device)
        self._put("tele", Message(topic, tele.model_dump_json().encode(), qos=0))

    def _tend_state(self) -> None:
        for message in self._state.changed():
            self._put("state", message)

    def _saw_conn(self, message: Received) -> None:
        try:
            conn = Conn.model_validate_json(message.payload)
        except ValidationError:
            self._refused[CONN.id] += 1
            return
        began_ts = self._clock.ts_of(self._began_ms, self._clock.machine_boot)
        if not self._twin.is_shown_by(conn, retained=message.retained, began_ts=began_ts):
            return
        is_news = self._now_s - self._twin_seen_s >= TWIN_S
        self._twin_seen_s, self._must_hold_off = self._now_s, True
        if is_news:  # else two that a bridge holds together would answer each other for ever
            _log.error(
                "another device connects as %s: one of the two needs another name and certificate",
                self._terms.device,
            )
            self.tell("twin", {"boot_id": conn.boot_id})
            self._records.database.commit()
            self._say_conn()

    def _look_at_desired(self, payload: bytes) -> None:
        if not payload:  # it was taken back; what runs, runs on
            return
        try:
            desired = read_desired(payload, self._terms.device, self._terms.operators)
        except Refusal as refusal:
            _log.warning("config/desired is refused: %s", refusal.message)
            self._refused[CONFIG_DESIRED.id] += 1
            self.tell("config", {"refused": refusal.message})
        else:
            self._controlled.apply(desired)

    def _refresh(self, _args: StrictModel) -> Mapping[str, JsonValue]:
        self._state.forget()
        self._say_conn()
        self._tend_state()
        return {}

    def _replay(self, args: StrictModel) -> Mapping[str, JsonValue]:
        wanted: ReplayArgs = args  # type: ignore[assignment]
        return {"queued": self._records.outbox.replay(wanted.epoch, wanted.from_seq, wanted.to_seq)}

    def _next_event(self) -> Parcel | None:
        stored = self._records.outbox.next()
        if stored is None:
            return None
        topic = EVENTS[stored.kind].of(self._terms.root, self._terms.device)
        payload = self._records.outbox.event_of(stored).model_dump_json().encode()

        def settle(code: int) -> None:
            if code < _REFUSED:
                self._records.outbox.acknowledged(stored, heard=code != _UNHEARD)

        return Parcel((EVENT, stored.id), Message(topic, payload), settle)

    def _publish_result(self, command_id: str, text: str, settled: Callable[[], None]) -> None:
        if not self._connected:  # it is published once there is a connection
            return

        def settle(code: int) -> None:
            self._unheard += code == _UNHEARD
            settled()  # also what nobody may read: asked again, it would be answered the same

        topic = RESULT.of(self._terms.root, self._terms.device, command_id)
        self._put("res", Message(topic, text.encode()), settle)

    def _conn_answered(self, code: int) -> None:
        self._asked_s = None
        if code < _REFUSED:
            self._twin.published()
            if line := self._outage.over(self._now_s):
                _log.info("MQTT: the connection %s", line)
        else:
            topic = CONN.of(self._terms.root, self._terms.device)
            self._connection.reconnect(
                f"the broker refuses what is said at {topic} (reason code 0x{code:02x}); check its ACL"
            )

    def _put(
        self, kind: str, message: Message, settle: Callable[[int], None] = lambda _: None
    ) -> None:
        self._published += 1
        self._window.put(Parcel((kind, self._published), message, settle))

    def _acknowledge(self, receipt: object | None) -> None:
        if receipt is not None:
            self._connection.acknowledge(receipt)


def conn_of(terms: Terms, records: Records, reason: Reason) -> Message:
    """What is said of the connection itself; `lost` is for the broker to say."""
    conn = Conn(
        online=reason in ("start", "twin"),
        boot_id=records.boot_id,
        reason=reason,
        ts=None if reason == "lost" else records.clock.now(),
        clock_synced=records.clock.synced,
    )
    topic = CONN.of(terms.root, terms.device)
    return Message(topic, conn.model_dump_json().encode(), qos=1, retain=True)


def admission_of(terms: Terms, clock: EventClock) -> Admission:
    """The rules of a device for its commands."""
    return Admission(terms.device, OPS, terms.ops, terms.operators, clock)
