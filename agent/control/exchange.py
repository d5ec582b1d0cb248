"""Exchange: what passes between an agent and its broker, and when; it opens no connection itself.

Whatever a broker retains is published at each connection, and so is all that it has not answered
for: one that was killed may have forgotten everything, and doesn't say so.
"""

from __future__ import annotations

import logging
import math
import random
from collections import Counter
from typing import TYPE_CHECKING

from agent.control import discovery
from agent.control.admission import Admission
from agent.control.delivery import Message
from agent.control.desired import read_desired, read_model
from agent.control.messages import ControlTele
from agent.control.ops import OPS
from agent.control.orders import Orders
from agent.control.presence import REFUSED, Presence
from agent.control.refusal import Refusal
from agent.control.state import State
from agent.control.topics import (
    CONFIG_DESIRED,
    CONN,
    EVENTS,
    GROUP_MODEL_DESIRED,
    MODEL_DESIRED,
    RESULT,
    TELE,
    place_of,
)
from agent.control.window import EVENT, Parcel, Window

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
    from agent.control.session import Session
    from agent.control.terms import Terms
    from models.strict_model import StrictModel

_log = logging.getLogger(__name__)

COMMIT_S = 2.5
"""How long an event may wait to be written down with others: at 5 a second, 13 together. Each alone
would write 21 KiB (SQLite 3.40), and a card of flash wears out by that."""

DESIRED_S = 2.0
"""How often what is desired, configuration or models, is looked at, and then the last of it. Chosen,
not measured: who sends more often is no person, and each look may be an event, a line of the log and
a file."""

BIRTH_S = 10.0
"""A random part of which passes before Home Assistant, which has just started, is told again what
the device is: all of them are asked at once. Chosen, not measured."""

_UNHEARD = 0x10
"""Reason code of MQTT 5: nobody subscribes to it."""


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
        session: Session,
        workers: Workers,
        records: Records,
        withdrawn: Message | None = None,
    ) -> None:
        self._terms, self._controlled, self._withdrawn = terms, controlled, withdrawn
        self._session, self._records, self._clock = session, records, records.clock
        self._state = State(terms, controlled)
        self._window = Window(session.publish, self._next_event)
        self._orders = Orders(
            admission_of(terms, records.clock),
            records.inbox,
            workers,
            {"refresh": self._refresh, "replay": self._replay},
            self._publish_result,
            self._acknowledge,
            self.tell,
        )
        self._presence = Presence(terms, session, records, self._put, self.tell)
        self._connected = False
        self.flooded = 0
        self._refused: Counter[str] = Counter()
        self._unheard = self._reconnections = self._published = 0
        self._noted_s: float | None = None
        self._tele_due_s = self._desired_due_s = 0.0
        self._discovery_due_s = math.inf
        self._desired: bytes | None = None
        self._models: dict[str | None, bytes] = {}

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
        self._window.clear()
        self._records.outbox.rewind()
        self._state.forget()
        self._orders.take_up(self._controlled)
        self._presence.connected()
        if self._withdrawn is not None:
            self._put("state", self._withdrawn)
        self._tend_state()
        self._records.database.commit()
        self._orders.publish_undelivered()

    def disconnected(self, reason: str) -> None:
        """Nothing that was in flight will be answered any more."""
        self._presence.disconnected(reason)
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
            if not self._presence.heard(message):
                self._refused[CONN.id] += 1
        elif place is not None and place.topic is CONFIG_DESIRED:
            if self._desired is not None:  # which nobody will look at any more
                self._refused["superseded"] += 1
            self._desired = message.payload
        elif place is not None and place.topic in (MODEL_DESIRED, GROUP_MODEL_DESIRED):
            self._note_model(place.value or None, message.payload)
        elif message.topic == discovery.BIRTH and message.payload == b"online":
            self._discovery_due_s = self._now_s + random.uniform(0, BIRTH_S)  # noqa: S311

    def published(self, token: object, code: int) -> None:
        """The broker has answered for a message."""
        parcel = self._window.landed(token)
        if parcel is None:
            return
        if code >= REFUSED:
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
        if now_s >= self._desired_due_s and (self._desired is not None or self._models):
            self._desired_due_s = now_s + DESIRED_S
            payload, self._desired = self._desired, None
            if payload is not None:
                self._look_at_desired(payload)
            models, self._models = self._models, {}
            for group, model in models.items():
                self._look_at_model(group, model)
        self._presence.tend(now_s)
        if self._connected:
            if now_s >= self._discovery_due_s:
                self._discovery_due_s = math.inf
                self._state.forget(discovery.topic(self._terms.device))
            self._window.pump()

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
        return self._clock.monotonic()

    def _write_down(self, now_s: float) -> None:
        """Commit what must not wait, with all else; and then do what waited for that."""
        is_due = self._noted_s is not None and now_s - self._noted_s >= COMMIT_S
        while self._orders.pending or is_due:
            self._records.database.commit()
            self._noted_s, is_due = None, False
            self._orders.committed()

    def _say_tele(self, now_s: float) -> None:
        self._tele_due_s = now_s + self._terms.tele_interval_s
        tele = self._controlled.tele(self.counts(), self._records.boot_id)
        topic = TELE.of(self._terms.root, self._terms.device)
        self._put("tele", Message(topic, tele.model_dump_json().encode(), qos=0))

    def _tend_state(self) -> None:
        for message in self._state.changed():
            self._put("state", message)

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

    def _note_model(self, group: str | None, payload: bytes) -> None:
        terms = self._terms
        if not terms.takes_models or group not in (None, *terms.groups):
            self._refused["not_subscribed"] += 1  # or it was until a moment ago
            return
        if group in self._models:
            self._refused["superseded"] += 1
        self._models[group] = payload

    def _look_at_model(self, group: str | None, payload: bytes) -> None:
        topic = MODEL_DESIRED if group is None else GROUP_MODEL_DESIRED
        try:
            desired = read_model(payload, self._terms.device, group)
        except Refusal as refusal:
            where = topic.of(self._terms.root, self._terms.device, group or "")
            _log.warning("%s is refused: %s", where, refusal.message)
            self._refused[topic.id] += 1
            self.tell("model", {"group": group, "refused": refusal.message})
        else:
            self._controlled.want_model(group, desired)

    def _refresh(self, _args: StrictModel) -> Mapping[str, JsonValue]:
        self._state.forget()
        self._presence.say()
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
            if code < REFUSED:
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

    def _put(
        self, kind: str, message: Message, settle: Callable[[int], None] = lambda _: None
    ) -> None:
        self._published += 1
        self._window.put(Parcel((kind, self._published), message, settle))

    def _acknowledge(self, receipt: object | None) -> None:
        if receipt is not None:
            self._session.acknowledge(receipt)


def admission_of(terms: Terms, clock: EventClock) -> Admission:
    """The rules of a device for its commands."""
    return Admission(terms.device, OPS, terms.ops, terms.operators, clock)
