"""Updater: the thread that has another model come, be tried, run and prove itself.

It knows nothing but the record (`agent.update.record`), so a process that is killed anywhere goes
on where it was; and what others write into that, such as `sfumato model activate`, it goes by.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from agent.backoff import Backoff
from agent.update import rollout
from agent.update.deadline import Deadline
from agent.update.installer import Installer
from agent.update.ports import RefusedError, UnavailableError
from agent.update.record import UNDER_WAY, Record
from agent.update.record_file import DamagedRecordError
from agent.update.succession import Succession
from agent.update.switch_window import waits_for
from agent.update.telling import Telling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agent.update.deadline import Clock
    from agent.update.ports import Health, Host, Worker
    from agent.update.position import Position
    from agent.update.record import Change, State
    from agent.update.store import Own, Store
    from agent.update.wanted import Wanted

    Judge = Callable[[Health, Health, float], str]
    """`agent.update.probation.judge`: of health before and now and the length of the probation,
    `wait`, `good`, or what is bad."""
    Rule = Callable[[Record], Record]

_log = logging.getLogger(__name__)

LOOK_S = 1.0
"""How often the record is looked at."""
WATCH_S = 0.25
"""How often a model on probation is. Chosen, not measured: what it has covered whole until it goes
back shall be 2 s of video at most."""
LONGEST_RETRY_S = 300.0
"""The most that passes before a server that was away is asked again. Chosen, not measured."""
LEAST_PROBATION_S = 30.0
"""What is left of a probation at least after a start of the agent, if it lasts so long at all: a
device that was off until its end has proved nothing. Chosen, not measured."""


@dataclass(frozen=True, slots=True)
class Terms:
    """By what a configuration changes models.

    Attributes:
        own: the bundle that the configuration names; None: none, or it can't be read.
        window: in which to switch where nothing else is said; None: at any time.
    """

    own: Own | None
    probation_s: float = 600.0
    window: str | None = None


@final
class Updater:
    """Everything is done on one thread of its own; all else may be called from any.

    Args:
        judge: whether a model on probation is as good as the one before.
        clock: the machine's.
        terms: the configuration's.
    """

    def __init__(
        self, store: Store, worker: Worker, host: Host, judge: Judge, clock: Clock, terms: Terms
    ) -> None:
        self._store, self._host, self._judge, self._clock = store, host, judge, clock
        self.terms = terms
        self._telling = Telling(host)
        self._installer = Installer(store, worker, self._is_over, self._telling.progress)
        self._backoff = Backoff(random.Random(), LONGEST_RETRY_S)  # noqa: S311 no secret
        self._wake, self._ended = threading.Event(), threading.Event()
        self._guard = threading.Lock()
        self._asked: list[Rule] = []
        self._owed: Rule | None = None
        self._proved: Change | None = None
        self._is_clean = False
        self._record = self._seen = Record()
        self._thread = threading.Thread(target=self._run, name="update", daemon=True)

    def take_up(self, running: str | None) -> None:
        """Go on from what the record says.

        Args:
            running: digest of the bundle that runs; None: no model does.
        """
        with suppress(DamagedRecordError):
            self._seen = self._store.read()
        record, own = self._seen, self.terms.own
        self._succession = Succession(self._store, self._host, running, record, own)
        if record.on_probation not in (None, running):
            self._owed = _back("its start could not be written down", refuse=False)
        self._record = record
        self._telling.begin(self._store.found)  # so that what the start did to it is told

    def begin(self, running: str | None) -> None:
        """Take up, and look after it in a thread."""
        self.take_up(running)
        self._thread.start()

    def end(self) -> None:
        """End it, whatever it is at; the next start goes on with that."""
        self._ended.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def want(self, wanted: Wanted) -> None:
        """The device, or a group that it is selected of, is told to run a model."""
        if rollout.is_news(self._record, wanted):
            self._ask(lambda record: rollout.heard(record, wanted))

    def forget(self, group: str | None) -> None:
        """A group wants nothing any more, or not of this device; None: the device itself."""
        if self._asked or (group or "") in self._record.desires:
            self._ask(lambda record: rollout.forgotten(record, group))

    def belong(self, groups: Iterable[str]) -> None:
        """The device belongs to these groups, and to no others."""
        names = frozenset(groups)
        if self._asked or self._record.desires.keys() - names - {""}:
            self._ask(lambda record: rollout.belongs(record, names))

    def rollback(self) -> None:
        """Run what ran before; what is not switched to yet never will be.

        Returns before it has happened; `position` tells of that.

        Raises:
            RefusedError: nothing ran before.
        """
        if rollout.undone(self._record) == self._record:
            raise RefusedError("precondition_failed: there is no previous model")
        self._ask(rollout.undone)

    def position(self) -> Position:
        """What it is at."""
        return self._telling.position

    def _ask(self, rule: Rule) -> None:
        with self._guard:
            self._asked.append(rule)
        self._wake.set()

    def _run(self) -> None:
        while not self._ended.is_set():
            due_s = time.monotonic() + self.turn()
            while (left_s := due_s - time.monotonic()) > 0:
                if self._wake.wait(min(left_s, LOOK_S)) or self._is_behind():
                    break
            self._wake.clear()

    def _is_behind(self) -> bool:
        """Whether another process has changed something."""
        with suppress(DamagedRecordError):
            return self._store.read() != self._seen
        return False

    def turn(self) -> float:
        """Do what is next; seconds until the next look. For the one thread that does everything."""
        try:
            self._write_down()
            return self._go_on()
        except UnavailableError as error:
            return 0.0 if self._asked else self._later(str(error))
        except DamagedRecordError as error:
            return self._later(str(error))
        except OSError as error:
            return self._later(f"{error.filename or 'the disk'}: {error.strerror}")
        except Exception as error:  # noqa: BLE001 a fault of ours ends this change, and no more
            _log.exception("an update failed")
            self._owed = _over(f"a fault of ours: {error}")
            return self._later(str(error))

    def _later(self, reason: str) -> float:
        self._telling.waits(reason)
        return max(LOOK_S, self._backoff.next_s(0.0))

    def _write_down(self) -> None:
        """Have the record hold what happened, and what was asked for."""
        if self._owed is not None:
            self._change(self._owed)
            self._owed = None
        while self._asked:
            self._change(self._asked[0])
            with self._guard:
                del self._asked[0]
            self._backoff.begin_anew()

    def _go_on(self) -> float:
        self._seen = self._store.read()
        self._know(self._seen)
        if (reason := self._settle()) is not None:
            self._roll_back(reason)
        change = self._record.change
        if change is not None and change.state == "active":
            return self._look_at(change)
        if change is None or change.state not in UNDER_WAY:
            return self._idle()
        self._is_clean = False
        try:
            if change.state == "testing":
                return self._try_out(change)
            if change.state == "fetching":
                self._installer.fetch(change)
            self._move(change, "testing" if change.state == "staged" else "staged")
        except RefusedError as error:
            self._fail(change, str(error))
        self._backoff.begin_anew()
        return 0.0

    def _idle(self) -> float:
        if not self._is_clean:
            self._store.clean()
            self._is_clean = True
        return LOOK_S

    def _try_out(self, change: Change) -> float:
        if not change.is_same(self._proved):
            if not self._store.bundle(change.held.digest).is_file():
                raise RefusedError("its slot is empty")
            try:
                self._installer.test(change)
            except RefusedError as error:
                self._fail(change, str(error), refuse=True)
                return 0.0
            self._proved = change
        window = change.window or self.terms.window
        if (why := waits_for(window, self._clock.now())) is not None:
            self._telling.waits(why, 1.0)
            return LOOK_S
        self._succession.forgive(change.held.digest)
        deadline = Deadline.after(self.terms.probation_s, self._clock)
        before = self._host.health()
        self._change(lambda now: rollout.activated(now, change, deadline, before))
        return 0.0

    def _look_at(self, change: Change) -> float:
        """Whether what is on probation is good, or bad, or nobody can say yet."""
        deadline, before = change.deadline, change.before
        if deadline is None or before is None:
            raise RuntimeError("a probation without an end")
        health = self._host.health()
        left_s = deadline.left_s(self._clock)
        probation_s = max(health.ran_s + left_s, min(LEAST_PROBATION_S, deadline.lasts_s))
        verdict = self._judge(before, health, probation_s)
        if verdict == "wait":
            self._telling.progress(1 - left_s / deadline.lasts_s if left_s else 1.0)
            return WATCH_S
        if verdict == "good":
            self._change(rollout.committed)
        else:
            self._roll_back(verdict)
        return 0.0

    def _settle(self) -> str | None:
        before = self._succession.running
        reason = self._succession.settle(self._record, self.terms.own)
        if self._succession.running != before:
            self._is_clean = False
        return reason

    def _roll_back(self, reason: str) -> None:
        """Have what ran before run, though the disk may be full."""
        rule = _back(reason)
        try:
            self._change(rule)
        except OSError:
            self._owed = rule
            self._record = rule(self._record)
            self._settle()
            raise
        self._is_clean = False

    def _fail(self, change: Change, reason: str, *, refuse: bool = False) -> None:
        self._change(lambda now: rollout.failed(now, change, reason, refuse=refuse))

    def _move(self, change: Change, state: State) -> None:
        self._change(lambda now: rollout.advanced(now, change, state))

    def _is_over(self, change: Change) -> bool:
        """Whether work for a change is of no use any more."""
        if self._ended.is_set() or self._asked:
            return True
        with suppress(DamagedRecordError):
            return not change.is_same(self._store.read().change)
        return True

    def _change(self, rule: Rule) -> None:
        self._seen = self._store.change(rule)
        self._know(self._seen)

    def _know(self, record: Record) -> None:
        self._record = record
        self._telling.show(record)


def _back(reason: str, *, refuse: bool = True) -> Rule:
    return lambda record: rollout.rolled_back(record, reason, refuse=refuse)


def _over(reason: str) -> Rule:
    """What is under way, or on probation, is over."""

    def rule(record: Record) -> Record:
        change = record.change
        if change is not None and change.state == "active":
            return rollout.rolled_back(record, reason, refuse=False)
        return rollout.aborted(record, reason)

    return rule
