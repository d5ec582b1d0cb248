"""ControlPlane: reports an agent to a broker and does what it is told, and no frame waits for it.

One thread owns the database, the rules and what is in flight. Everybody else (the connection's
thread, the workers that run commands, the agent) only hands it something to do.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from typing import TYPE_CHECKING, final

from agent.control import discovery
from agent.control.commands import Workers
from agent.control.exchange import Exchange
from agent.control.ops import OPS
from agent.control.presence import conn_of
from agent.control.records import Records
from agent.control.relay import Relay
from agent.control.session import NOT_TRIED, Session
from agent.control.topics import CONFIG_DESIRED, CONN, GROUP_MODEL_DESIRED, MODEL_DESIRED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from agent.control.controlled import Controlled
    from agent.control.delivery import Message
    from agent.control.messages import ControlTele, EventKind, Result, Scalar
    from agent.control.terms import Terms
    from agent.wall_clock import WallClock

_log = logging.getLogger(__name__)

_TICK_S = 0.5
"""How often to look what changed: a stream's state is told within 2 s, and the agent itself looks
once a second. After each message it would be three or four times a command."""

_MOST_WAITING = 10_000
"""Events that wait for this thread. Chosen, not measured: minutes of a storm, 5 MB."""

_STOP_S = 1.5
"""How long commands that are being done, results, and the broker may each hold up the end; streams
are given 8 s before, and systemd waits for 20."""

_WEDGED_S = 120.0
"""After which a connection's thread that does not go round is dead. Chosen, not measured: twice
what connecting may take, with names to look up."""


@final
class ControlPlane:
    """The agent's side of MQTT.

    Args:
        controlled: what it speaks for.
        path: of the database.
        boot_id: names this start of the agent.
    """

    def __init__(
        self, terms: Terms, controlled: Controlled, path: Path, wall: WallClock, boot_id: str
    ) -> None:
        self._terms, self._controlled, self._path = terms, controlled, path
        self._wall, self._boot_id = wall, boot_id
        self._queue: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._over = threading.Event()
        self._lost, self._losing = 0, threading.Lock()
        self._look_due_s = 0.0
        self._counts: ControlTele | None = None
        self._session: Session | None = None
        self._thread = threading.Thread(target=self._work, name="control", daemon=True)

    def start(self) -> None:
        """Begin; nothing is waited for."""
        self._thread.start()

    def stop(self) -> None:
        """Write down what there is, tell the broker, and end."""
        self._over.set()
        self._queue.put(lambda: None)
        self._thread.join(3 * _STOP_S)

    def tell(self, kind: EventKind, data: Mapping[str, Scalar]) -> None:
        """Something happened; from any thread, and at once."""
        if self._queue.qsize() > _MOST_WAITING:
            with self._losing:
                self._lost += 1
            return
        self._queue.put(lambda: self._exchange.tell(kind, data))

    def change(self, terms: Terms) -> None:
        """Go by other terms; where the broker is another, there is a new connection."""
        self._queue.put(lambda: self._change(terms))

    @property
    def counts(self) -> ControlTele | None:
        """How it is, in numbers; None before it is."""
        return self._counts

    @property
    def connection(self) -> str:
        """Why there is no connection; empty where there is one."""
        session = self._session
        if session is None:
            return NOT_TRIED
        return "" if session.connected else session.reason

    def fault(self) -> str | None:
        """Why the process should be started anew; None where all is well."""
        session = self._session
        if not self._thread.is_alive():
            return "the thread of the control plane has died"
        if session is None or self._over.is_set():
            return None
        if not session.alive:
            return "the thread of the connection to the broker has died"
        if time.monotonic() - session.heard_s > _WEDGED_S:
            return "the thread of the connection to the broker hangs"
        return None

    def _work(self) -> None:
        terms = self._terms
        self._records = Records.open(self._path, terms.outbox_bytes, self._wall, self._boot_id)
        clock = self._records.clock
        self._workers = Workers(self._controlled.do, self._finished, clock.mono_ms)
        self._connect()
        while not self._over.is_set():
            self._attend()
        self._end()

    def _attend(self) -> None:
        """Do what there is to do, for a tick at most, and look after everything else."""
        until_s = time.monotonic() + _TICK_S
        try:
            errand = self._queue.get(timeout=_TICK_S)
        except queue.Empty:
            pass
        else:
            self._attempt(errand)
            while not self._queue.empty() and time.monotonic() < until_s:
                self._attempt(self._queue.get())
        self._attempt(self._own_up)
        if time.monotonic() >= self._look_due_s:
            self._look_due_s = time.monotonic() + _TICK_S
            self._attempt(self._workers.look)
            self._attempt(self._exchange.report)
            self._counts = self._exchange.counts()
        self._attempt(self._exchange.tend)

    def _own_up(self) -> None:
        with self._losing:
            lost, self._lost = self._lost, 0
        if lost:
            self._exchange.lost(lost)

    def _finished(self, result: Result) -> None:
        self._queue.put(lambda: self._answer(result))

    def _answer(self, result: Result) -> None:
        self._exchange.finished(result)
        if OPS[result.op].role != "viewer":  # what it changed is told before it is said to be done
            self._look_due_s = 0.0

    def _attempt(self, errand: Callable[[], None]) -> None:
        try:
            errand()
        except Exception:  # noqa: BLE001 one message must not make a device deaf
            _log.exception("a fault of ours in the control plane")

    def _connect(self, withdrawn: Message | None = None) -> None:
        terms = self._terms
        relay = Relay(self._queue)
        birth = [(discovery.BIRTH, 0)] if terms.home_assistant else []
        self._session = session = Session(
            terms.broker,
            f"sfumato-{terms.device}",
            relay,
            will=conn_of(terms, self._records, "lost"),
            subscriptions=[
                (CONN.of(terms.root, terms.device), 1),
                (CONFIG_DESIRED.of(terms.root, terms.device), 1),
                (f"{terms.root}/{terms.device}/cmd/+", 1),
                *_models_of(terms),
                *birth,
            ],
        )
        self._exchange = relay.exchange = Exchange(
            terms, self._controlled, session, self._workers, self._records, withdrawn
        )
        session.start()

    def _change(self, terms: Terms) -> None:
        before, self._terms = self._terms, terms
        if _connection_of(before) == _connection_of(terms):
            self._exchange.adjust(terms)
            return
        over = before.home_assistant and not terms.home_assistant
        self._hang_up(before)
        self._connect(discovery.removal(before.device) if over else None)

    def _end(self) -> None:
        self._workers.stop(_STOP_S)
        until_s = time.monotonic() + _STOP_S
        while True:  # what the workers and the agent's last moments brought
            while not self._queue.empty():
                self._attempt(self._queue.get())
            self._attempt(self._exchange.tend)
            if self._exchange.has_all_sent or time.monotonic() > until_s:
                break
            time.sleep(0.02)
        self._hang_up(self._terms)
        self._records.database.close()

    def _hang_up(self, terms: Terms) -> None:
        self._records.database.commit()  # before anything that the broker may hold up
        session, self._session = self._session, None
        if session is not None:
            session.stop(conn_of(terms, self._records, "clean"), _STOP_S)


def _models_of(terms: Terms) -> list[tuple[str, int]]:
    """Where it is told which model to run."""
    if not terms.takes_models:
        return []
    groups = [GROUP_MODEL_DESIRED.of(terms.root, "", group) for group in terms.groups]
    return [(topic, 1) for topic in (MODEL_DESIRED.of(terms.root, terms.device), *groups)]


def _connection_of(terms: Terms) -> tuple[object, ...]:
    """What a connection is made by."""
    heard = terms.home_assistant, terms.groups, terms.takes_models
    return terms.device, terms.broker, terms.root, *heard
