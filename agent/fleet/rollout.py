"""Rollout: drives a roll-out by what its file says and what devices report, until it is over.

A stage is one retained document for the whole group, and each device decides whether it is meant.
Nothing depends on this program: if it ends, devices go on with what they were told, and it goes on
where it was when it is started again.
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, final

from pydantic import ValidationError

from agent.control.delivery import Message, Received
from agent.control.messages import ModelReported
from agent.control.topics import GROUP_MODEL_DESIRED, MODEL_REPORTED, place_of
from agent.errors import AbortedError, InputError
from agent.fleet.client import Connected, Disconnected, Published
from agent.fleet.order import REFUSED
from agent.fleet.rollout_rules import judge, outcome_of
from agent.fleet.rollout_view import document_of, look

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.control.messages import GroupModelDesired
    from agent.fleet.client import Client
    from agent.fleet.rollout_file import RolloutFile, RolloutState, Wish
    from agent.fleet.rollout_rules import Outcome
    from agent.fleet.rollout_view import ClientOf

_TURN_S = 0.5
_MOST_AT_ONCE = 1000
_SAVED_S = 1.0
"""How often counts are written down while nothing else changes. Chosen, not measured."""
_AGAIN_S = 2.0
"""Until a broker that is away is tried again. Chosen, not measured."""


@final
class Rollout:
    """One roll-out, driven by this program.

    Args:
        client_of: makes a connection that is to be entered, by its subscriptions; one at a time.
        changed: is told the state whenever something in it is new.
        disconnected: is told why there is no connection; it is tried again.

    Attributes:
        state: how far it is.
    """

    def __init__(
        self,
        state: RolloutState,
        file: RolloutFile,
        client_of: ClientOf,
        root: str,
        changed: Callable[[RolloutState], None],
        disconnected: Callable[[str], None],
    ) -> None:
        self.state, self._file = state, file
        self._client_of, self._root, self._changed = client_of, root, changed
        self._disconnected = disconnected
        self._devices = frozenset(state.devices)
        self._reports: dict[str, ModelReported] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._deadlines: dict[str, float] = {}  # Unix time, of the devices that were told
        self._looked_ts = self._saved_s = 0.0
        self._published_rev = self._taken_rev = 0  # on this connection

    def run(self) -> None:
        """Go on until it is over, or paused.

        Raises:
            InputError: the broker can't be reached at first; later it is tried again and again.
            AbortedError: the broker does not let this operator tell the group, or another one did.
            OutputError: the file can't be written.
        """
        was_connected = False
        if self.state.stage < 0:
            self._enter_stage()
        self._set_deadlines()
        while not self.state.is_over and self.state.state != "paused":
            try:
                self._look()
                with self._client_of(self._filters) as client:
                    client.connect()
                    was_connected = True
                    self._attend(client)
            except InputError as error:
                if not was_connected:
                    raise
                self._disconnected(str(error))
                time.sleep(_AGAIN_S)

    def withdraw(self, kind: Literal["aborted", "timed_out"], reason: str) -> None:
        """Have no further device take it; `run` says so to the broker."""
        self._save(state=kind, reason=reason)

    @property
    def _filters(self) -> list[tuple[str, int]]:
        topic = GROUP_MODEL_DESIRED.of(self._root, "", self.state.plan.group)
        return [(MODEL_REPORTED.filter_of(self._root), 1), (topic, 1)]

    def _look(self) -> None:
        standing, reports = look(
            self._client_of, self._root, self.state.plan.group, [*self._deadlines]
        )
        self._reports.update(reports)
        self._looked_ts = time.time()
        self._published_rev = self._taken_rev = 0
        if standing is not None:
            self._check_standing(standing)

    def _attend(self, client: Client) -> None:
        """Do what is to be done, until it is over or all has to be looked at anew."""
        while True:
            self._heed(self._file.wish())
            self._judge()
            if self.state.state == "paused" or self.state.is_over:
                return
            if self._published_rev != self.state.rev:
                self._published_rev = self.state.rev
                client.publish(self._message(), self.state.rev)
            if self._is_to_look() or not self._listen(client):
                return

    def _heed(self, wish: Wish | None) -> None:
        if wish == "abort":
            self.withdraw("aborted", "as asked for")
        elif wish == "pause" and self.state.state == "running":
            self._save(state="paused", reason="as asked for")

    def _judge(self) -> None:
        """Find out how far the devices are, and what follows, once the broker tells them."""
        if self.state.state != "running" or self._taken_rev != self.state.rev:
            return
        self._take_stock()
        stage = self.state.stage
        verdict = judge(self.state.plan, stage, self._outcomes)
        if verdict.kind == "paused" and self.state.paused_after < stage:
            self._save(state="paused", reason=verdict.reason, paused_after=stage)
        elif verdict.kind in ("next", "paused"):
            self._enter_stage()
        elif verdict.kind == "done":
            self._save(state="done", reason="")
        elif verdict.kind in ("aborted", "timed_out"):
            self.withdraw(verdict.kind, verdict.reason)

    def _enter_stage(self) -> None:
        self._save(began=(*self.state.began, time.time()))
        self._set_deadlines()

    def _set_deadlines(self) -> None:
        """Of each device, by the first stage that it was told in."""
        state = self.state
        for stage, began_ts in enumerate(state.began):
            for device in state.plan.told(state.devices, stage, state.salt):
                self._deadlines.setdefault(device, began_ts + state.plan.timeout_s)

    def _take_stock(self) -> None:
        """Find out how far each device is; one is late only by a report that was asked for since."""
        plan, first_rev = self.state.plan, self.state.first_rev
        outcomes = {
            device: outcome_of(
                self._reports.get(device), plan, first_rev, is_late=self._looked_ts >= deadline_ts
            )
            for device, deadline_ts in self._deadlines.items()
        }
        if outcomes != self._outcomes:
            self._outcomes = outcomes
            self._count()
            if time.monotonic() - self._saved_s >= _SAVED_S:
                self._save()
            self._changed(self.state)

    def _is_to_look(self) -> bool:
        """Whether a device would be late by what was last asked for."""
        now_ts = time.time()
        return any(
            outcome.state == "open" and self._looked_ts < self._deadlines[device] <= now_ts
            for device, outcome in self._outcomes.items()
        )

    def _listen(self, client: Client) -> bool:
        """Take in what happens; False: there is no connection any more."""
        first = client.next(_TURN_S)
        for happening in (first, *client.waiting(_MOST_AT_ONCE)):
            if isinstance(happening, Disconnected):
                self._disconnected(happening.reason)
                return False
            if isinstance(happening, Connected):
                return False
            if isinstance(happening, Published) and happening.token == self.state.rev:
                self._taken(happening.code)
            elif isinstance(happening, Received):
                self._received(happening)
        return True

    def _taken(self, code: int) -> None:
        if code >= REFUSED:
            group = self.state.plan.group
            raise AbortedError(f"{group}: the broker does not let you tell the group its model")
        self._taken_rev = self.state.rev
        if self.state.state in ("aborted", "timed_out"):
            self._save(withdrawn=True)

    def _received(self, received: Received) -> None:
        place = place_of(received.topic, self._root)
        if place is not None and place.topic is GROUP_MODEL_DESIRED:
            self._check_standing(document_of(received))
        elif place is not None and place.device in self._devices:
            with suppress(ValidationError):  # what can't be read is silence
                reported = ModelReported.model_validate_json(received.payload)
                self._reports[place.device] = reported

    def _check_standing(self, standing: GroupModelDesired | None) -> None:
        """See that nobody else tells this group something."""
        if standing is not None and (standing.rev < self.state.rev or standing == self._desired()):
            return
        said = "took it back" if standing is None else f"set rev {standing.rev}"
        reason = f"somebody else {said} meanwhile"
        self._save(state="aborted", reason=reason, withdrawn=True)

    def _desired(self) -> GroupModelDesired:
        state = self.state
        is_going_on = state.state not in ("aborted", "timed_out")
        percent = state.plan.stages[state.stage] if is_going_on else 0.0
        return state.plan.document(state.rev, percent, state.salt)

    def _message(self) -> Message:
        topic = GROUP_MODEL_DESIRED.of(self._root, "", self.state.plan.group)
        payload = self._desired().model_dump_json(exclude_none=True).encode()
        return Message(topic, payload, retain=True)

    def _count(self) -> None:
        """Have the state say what became of the devices."""
        found = Counter(
            outcome.said if outcome.state == "open" else outcome.state
            for outcome in self._outcomes.values()
        )
        failed = {
            device: outcome.said
            for device, outcome in self._outcomes.items()
            if outcome.state == "failed"
        }
        silent = [name for name, each in self._outcomes.items() if each.state == "timed_out"]
        self.state = self.state.moved(tally=dict(found), failed=failed, silent=tuple(silent))

    def _save(self, **fields: object) -> None:
        self.state = self.state.moved(**fields)
        self._file.write(self.state)
        self._saved_s = time.monotonic()
        if fields:
            self._changed(self.state)
