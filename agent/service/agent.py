"""Agent: one model and many streams, from a configuration's first reading to the last segment."""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

from agent.config.difference import difference
from agent.config.loading import load
from agent.errors import AgentError
from agent.hidden import hidden_classes
from agent.service.liveness import Liveness
from agent.service.model import Model
from agent.service.recorder import Recorder
from agent.service.resident import resident_bytes
from agent.service.session import StreamSession, Surroundings
from agent.service.supervisor import Plan, Supervisor
from agent.telemetry.server import MetricsServer
from agent.telemetry.status import AgentStatus
from agent.video.presence import is_there
from models.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.config.secrets import Secrets
    from agent.config.tree import AgentConfig, StreamConfig
    from agent.service.notify import Notifier

_log = logging.getLogger(__name__)

_TICK_S = 1.0
"""How often to look after streams: a stalled one is seen within 2 s."""
_STOP_TIMEOUT_S = 8.0
"""How long streams may take to write what is under way; systemd is told 10 s and a little."""
_LOADING_S = 20
"""How much longer loading may take, said every half of that."""

_RETAIN_S = 60.0
"""How often recordings are looked through for what is too old; segments do it, too."""

Request = Literal["stop", "reload"]


class Agent:
    """What `sfumato run` is.

    Args:
        path: the configuration file.
        secrets: what its templates are filled with.
        notifier: is told how the agent is.
        state: a folder that outlives the process; None where there is none.

    Attributes:
        requests: `stop` and `reload`; may be put by a signal handler.
    """

    def __init__(
        self, path: Path, secrets: Secrets, notifier: Notifier, state: Path | None = None
    ) -> None:
        self._path, self._secrets, self._notifier, self._state = path, secrets, notifier, state
        self._supervisors: dict[str, Supervisor] = {}
        self._metrics: MetricsServer | None = None
        self._retained_s = 0.0
        self.requests: queue.SimpleQueue[Request] = queue.SimpleQueue()

    def run(self) -> int:
        """Run until it is asked to stop; the exit code.

        Raises:
            UsageError: the configuration is invalid.
            ModelError: there is no model that may run.
        """
        try:
            with self._taking_long():
                self._begin()
            self._notifier.ready(self._said())
            _log.info("ready: %s", self._said())
            return self._attend()
        finally:
            self._notifier.stopping()
            self._end()

    def status(self) -> AgentStatus:
        """How everything is now; from any thread."""
        return AgentStatus(
            version=version("sfumato"),
            device=self._config.device,
            model=self._around.model.status(),
            hung_detections=self._around.model.pool.hung,
            streams={name: each.status() for name, each in list(self._supervisors.items())},
            recordings=self._around.recorder.status(),
        )

    def _begin(self) -> None:
        self._config = config = load(self._path, self._secrets).config
        model = Model.load(config.model, self._state)
        self._around = Surroundings(
            model, Recorder(config.record), self._secrets, _encoder_threads(len(config.streams))
        )
        self._liveness = Liveness(config.model.detect_timeout_s)
        self._check(config)
        self._look_for_weakest(config)
        self._serve_metrics(config)
        for name, stream in config.streams.items():
            self._add(name, stream)

    def _attend(self) -> int:
        """Look after everything, once a second and whenever there is a request."""
        said = self._said()
        while True:
            try:
                request = self.requests.get(timeout=_TICK_S)
            except queue.Empty:
                pass
            else:
                if request == "stop":
                    return 0
                self._reload()
            for supervisor in self._supervisors.values():
                supervisor.tick()
            self._retain()
            if (too_much := self._over_memory()) is not None:
                _log.error("%s; ending, to be started anew", too_much)
                return AgentError.exit_code
            hangs = self._around.model.pool.hangs_lately
            fault = self._liveness.fault(self._supervisors.values(), hangs)
            if fault is None:
                self._notifier.watchdog()
            before, said = said, fault or self._said()
            if said != before:
                self._notifier.status(said)
                if fault is not None:
                    _log.error("%s; the watchdog is no longer fed", fault)

    def _reload(self) -> None:
        """Read the configuration again, and change what differs; nothing, if it is invalid."""
        self._notifier.reloading()
        said = ""
        try:
            config = load(self._path, self._secrets).config
            self._check(config)
            said = self._change_to(config)
        except (AgentError, ModelError) as error:
            said = self._secrets.hide(f"the configuration stays as it was: {error}")
            _log.error("%s", said)
        self._notifier.ready(f"{said}; {self._said()}" if said else self._said())

    def _change_to(self, config: AgentConfig) -> str:
        """Do what a configuration that was checked asks for; what to say about it."""
        before, change = self._config, difference(self._config, config)
        self._config = config.model_copy(
            update={"device": before.device, "model": before.model, "limits": before.limits}
        )
        self._around.recorder.adjust(config.record)
        if "telemetry" in change.settings:
            self._serve_metrics(config)
        self._look_for_weakest(config)
        gone = [self._supervisors.pop(name) for name in change.removed]
        for supervisor in gone:
            supervisor.stop()
        for name in change.added:
            self._add(name, config.streams[name])
        for name in change.restarted:
            self._supervisors[name].replace(self._plan(name, config.streams[name]))
        for name in change.live:
            self._adjust(name, config.streams[name])
        for supervisor in gone:
            supervisor.join(_STOP_TIMEOUT_S)
        if not change.needs_restart:
            return ""
        said = f"restart the agent to change {', '.join(change.needs_restart)}"
        _log.warning("%s", said)
        return said

    def _check(self, config: AgentConfig) -> None:
        """Refuse what fits the file's rules and not the model.

        Raises:
            UsageError: the bundle doesn't know a class that is to be hidden.
        """
        for stream in config.streams.values():
            hidden_classes(self._around.model.bundle, stream.hide)

    def _look_for_weakest(self, config: AgentConfig) -> None:
        """Have the detector give whatever any stream may hide."""
        model = self._around.model
        model.detector.min_score = min(
            (hidden_classes(model.bundle, s.hide).weakest for s in config.streams.values()),
            default=model.detector.min_score,
        )

    def _add(self, name: str, stream: StreamConfig) -> None:
        self._supervisors[name] = supervisor = Supervisor(name, self._plan(name, stream))
        supervisor.start()

    def _adjust(self, name: str, stream: StreamConfig) -> None:
        session = self._supervisors[name].keep(self._plan(name, stream))
        if isinstance(session, StreamSession):
            session.adjust(stream)

    def _plan(self, name: str, stream: StreamConfig) -> Plan:
        url = self._secrets.fill(stream.source.url)
        return Plan(
            lambda: StreamSession(name, stream, self._around),
            lambda: is_there(url),
            stream.source.stall_s,
            stream.paused,
        )

    def _serve_metrics(self, config: AgentConfig) -> None:
        if self._metrics is not None:
            self._metrics.close()
            self._metrics = None
        if config.telemetry.prometheus is not None:
            self._metrics = MetricsServer(config.telemetry.prometheus, self.status)

    def _retain(self) -> None:
        now_s = time.monotonic()
        if now_s - self._retained_s >= _RETAIN_S:
            self._retained_s = now_s
            self._around.recorder.retain()

    def _over_memory(self) -> str | None:
        most = self._config.limits.memory
        if most is None or (used := resident_bytes()) <= most:
            return None
        return f"{used >> 20} MiB of memory are in use, and limits.memory is {most >> 20} MiB"

    def _said(self) -> str:
        """How everything is, in a line for a person."""
        hide = self._secrets.hide
        states = [(name, each.status()) for name, each in self._supervisors.items()]
        running = sum(status.state == "running" for _, status in states)
        odd = [
            f"{name} {status.state}" + (f" ({hide(status.reason)})" if status.reason else "")
            for name, status in states
            if status.state != "running"
        ]
        return "; ".join([f"{running} of {len(states)} streams running", *odd])

    @contextmanager
    def _taking_long(self) -> Iterator[None]:
        """Have systemd wait while a model loads."""
        over = threading.Event()

        def extend() -> None:
            while not over.is_set():
                self._notifier.extend_timeout(_LOADING_S)
                over.wait(_LOADING_S / 2)

        thread = threading.Thread(target=extend, name="loading", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _end(self) -> None:
        """Have every stream write what is under way, and let go of everything."""
        for supervisor in self._supervisors.values():
            supervisor.stop()
        deadline_s = time.monotonic() + _STOP_TIMEOUT_S
        for supervisor in self._supervisors.values():
            if not supervisor.join(max(0.0, deadline_s - time.monotonic())):
                _log.warning("did not stop in time", extra={"stream": supervisor.name})
        if self._metrics is not None:
            self._metrics.close()
        if hasattr(self, "_around"):
            self._around.recorder.close()
            self._around.model.pool.close()


def _encoder_threads(streams: int) -> int:
    """As many as there are cores for each stream, so that many streams don't get many each."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return max(1, cores // max(1, streams))
