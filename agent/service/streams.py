"""Streams: the supervisors of all streams of an agent."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.errors import UsageError
from agent.service.plan import Plan
from agent.service.source import is_live
from agent.service.stream_session import StreamSession
from agent.service.supervisor import Supervisor
from agent.video.probe import is_there

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from agent.config.difference import Difference
    from agent.config.tree import StreamConfig
    from agent.service.stream_session import Surroundings
    from agent.telemetry.status import StreamStatus

_log = logging.getLogger(__name__)

_STOP_TIMEOUT_S = 8.0
"""How long streams may take to write what is under way; systemd is told 10 s and a little."""

_NORMAL_FOR_A_CAMERA = (
    "latency normal holds a camera's pictures back for longer, the slower the detector; "
    "short covers them the same"
)


class Streams:
    """Begins, changes and ends streams; all but `statuses` in one thread."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._plans: dict[str, Plan] = {}
        self._held: frozenset[str] = frozenset()
        self._supervisors: dict[str, Supervisor] = {}
        self._leaving: list[Supervisor] = []

    def __iter__(self) -> Iterator[Supervisor]:
        return iter(self._supervisors.values())

    def statuses(self) -> dict[str, StreamStatus]:
        """How each is now, by name; from any thread."""
        return {name: each.status() for name, each in list(self._supervisors.items())}

    def supervisor(self, name: str) -> Supervisor | None:
        """Of a stream, if there is one; from any thread."""
        return self._supervisors.get(name)

    def is_paused_by_configuration(self, name: str) -> bool:
        """Whether it rests whoever resumes it; from any thread."""
        plan = self._plans.get(name)
        return plan is not None and plan.paused

    def hold(self, names: Collection[str]) -> None:
        """Pause these over their configuration, and no others; what stays as it is goes on.

        A stream that is paused finishes what is under way and closes its source.
        """
        before, self._held = self._held, frozenset(names)
        for name in (before ^ self._held) & self._supervisors.keys():
            self.restart(name)

    def restart(self, name: str) -> None:
        """Begin one anew."""
        self._supervisors[name].replace(self._held_plan(name))

    def add(self, name: str, config: StreamConfig) -> None:
        """Begin one."""
        self._plans[name] = self._plan(name, config)
        self._supervisors[name] = supervisor = Supervisor(name, self._held_plan(name))
        supervisor.start()

    def change(self, configs: Mapping[str, StreamConfig], change: Difference) -> None:
        """Begin, end, begin anew and adjust those that differ, and wait for none of them."""
        self._leaving = [each for each in self._leaving if each.alive]
        for name in change.removed:
            del self._plans[name]
            self._leaving.append(self._supervisors.pop(name))
            self._leaving[-1].stop()
            if self._around.views is not None:
                self._around.views.drop(name)
        for name in change.added:
            self.add(name, configs[name])
        for name in change.restarted:
            self._plans[name] = self._plan(name, configs[name])
            self.restart(name)
        for name in change.live:
            self._plans[name] = self._plan(name, configs[name])
            session = self._supervisors[name].keep(self._held_plan(name))
            if isinstance(session, StreamSession):
                session.adjust(configs[name])

    def follow(self) -> None:
        """Have every stream go on with the model that there is now; what does so already is left."""
        for name, supervisor in self._supervisors.items():
            session = supervisor.session
            if isinstance(session, StreamSession) and not _follows(session):
                self.restart(name)

    def end(self) -> None:
        """Have every one write what is under way."""
        supervisors = [*self._leaving, *self._supervisors.values()]
        for supervisor in supervisors:
            supervisor.stop()
        deadline_s = time.monotonic() + _STOP_TIMEOUT_S
        for supervisor in supervisors:
            if supervisor.session is None:  # it is being opened, and its camera may not answer
                continue
            if not supervisor.join(max(0.0, deadline_s - time.monotonic())):
                _log.warning("did not stop in time", extra={"stream": supervisor.name})

    def _held_plan(self, name: str) -> Plan:
        plan = self._plans[name]
        return replace(plan, paused=plan.paused or name in self._held)

    def _plan(self, name: str, config: StreamConfig) -> Plan:
        url = self._around.secrets.fill(config.source.url)
        if is_live(url) and config.look.latency == "normal":
            _log.warning("%s", _NORMAL_FOR_A_CAMERA, extra={"stream": name})
        return Plan(
            lambda: StreamSession(name, config, self._around),
            lambda: is_there(url),
            config.source.stall_s,
            config.paused,
        )


def _follows(session: StreamSession) -> bool:
    """Whether a session goes on with the model that there is now."""
    try:
        return session.follow()
    except UsageError:  # which its supervisor says, once it has begun anew
        return False
