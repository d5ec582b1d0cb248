"""Agent: one model and many streams, from a configuration's first reading to the last segment."""

from __future__ import annotations

import logging
import os
from importlib.metadata import version
from typing import TYPE_CHECKING

from agent.config.difference import difference
from agent.config.loading import load
from agent.errors import AgentError, OutputError
from agent.hidden import hidden_classes
from agent.service.admitted import verified
from agent.service.errands import Errands
from agent.service.liveness import Liveness
from agent.service.model import Model
from agent.service.override_file import OverrideFile
from agent.service.pauses import Pauses
from agent.service.recorder import Recorder
from agent.service.resident import resident_bytes
from agent.service.session import Surroundings
from agent.service.streams import Streams
from agent.telemetry.server import MetricsServer
from agent.telemetry.status import AgentStatus
from agent.wall_clock import WallClock
from models.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from agent.config.secrets import Secrets
    from agent.config.tree import AgentConfig
    from agent.service.notify import Notifier

_log = logging.getLogger(__name__)

_TICK_S = 1.0
"""How often to look after streams: a stalled one is seen within 2 s."""


class Agent:
    """What `sfumato run` is.

    Args:
        path: the configuration file.
        secrets: what its templates are filled with.
        notifier: is told how the agent is.
        state: a folder that outlives the process; None where there is none.

    Attributes:
        errands: what its main thread is asked for; a signal handler may put requests.
        begins_anew: whether it ended to begin anew.
    """

    def __init__(
        self, path: Path, secrets: Secrets, notifier: Notifier, state: Path | None = None
    ) -> None:
        self._path, self._secrets, self._notifier, self._state = path, secrets, notifier, state
        self._metrics: MetricsServer | None = None
        self._clock = WallClock()
        self._pauses = Pauses(OverrideFile(state), self._believed_now)
        self.errands = Errands()
        self.begins_anew = False

    def run(self) -> int:
        """Run until it is asked to stop, or to begin anew; the exit code.

        Raises:
            UsageError: the configuration is invalid.
            ModelError: there is no model that may run.
            OutputError: metrics can't be served where it says.
        """
        try:
            with self._notifier.taking_long():
                self._begin()
            self._notifier.ready(self._said())
            _log.info("ready: %s", self._said())
            return self._attend()
        finally:
            if self.begins_anew:  # told that it stops, systemd would stop it
                self._notifier.reloading()
                self._notifier.watchdog()
            else:
                self._notifier.stopping()
            self._end()
            self.errands.close()

    def status(self) -> AgentStatus:
        """How everything is now; from any thread."""
        return AgentStatus(
            version=version("sfumato"),
            device=self._config.device,
            model=self._around.model.status(),
            hung_detections=self._around.model.pool.hung,
            streams=self._streams.statuses(),
            recordings=self._around.recorder.status(),
        )

    def check_restart(self) -> None:
        """Refuse what a start would refuse; for the main thread.

        Raises:
            UsageError: the configuration is invalid by now.
            ModelError: its bundle can't be used.
        """
        config = load(self._path, self._secrets).config
        bundle = verified(config.model)
        for stream in config.streams.values():
            hidden_classes(bundle, stream.hide)

    def _begin(self) -> None:
        self._config = config = load(self._path, self._secrets).config
        model = Model.load(config.model, self._state)
        self._around = Surroundings(
            model, Recorder(config.record), self._secrets, _encoder_threads(len(config.streams))
        )
        self._streams = Streams(self._around)
        self._streams.hold(self._pauses.streams)
        self._liveness = Liveness(config.model.detect_timeout_s)
        self._check(config)
        model.detector.min_score = self._weakest(config)
        self._serve_metrics(config)
        sinks = [stream.sink for stream in config.streams.values()]
        self._around.recorder.start(opens=any(sink.record and sink.file is None for sink in sinks))
        for name, stream in config.streams.items():
            self._streams.add(name, stream)

    def _attend(self) -> int:
        """Look after everything, once a second and whenever there is a request."""
        said = self._said()
        while True:
            request = self.errands.next(_TICK_S)
            if request == "reload":
                self._reload()
            elif request is not None:
                self.begins_anew = request == "restart"
                return 0
            self._pauses.tick(self._config.streams)
            self._streams.hold(self._pauses.streams)
            for supervisor in self._streams:
                supervisor.tick()
            if (too_much := self._over_memory()) is not None:
                _log.error("%s; ending, to be started anew", too_much)
                return AgentError.exit_code
            hangs = self._around.model.pool.hangs_lately
            fault = self._liveness.fault(self._streams, hangs)
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
        """Do what a configuration that was checked asks for; what to say about it.

        Raises:
            OutputError: metrics can't be served where it says; nothing was changed.
        """
        before, change = self._config, difference(self._config, config)
        if "telemetry" in change.settings:
            self._move_metrics(config)
        model, recorder = self._around.model, self._around.recorder
        self._config = config.model_copy(
            update={
                "device": before.device,
                "model": before.model,
                "limits": before.limits,
                "record": config.record.model_copy(update={"dir": before.record.dir}),
            }
        )
        recorder.adjust(config.record)
        # Never more: what leaves, or has frames under way, still looks for what it looked for.
        model.detector.min_score = min(model.detector.min_score, self._weakest(config))
        self._streams.change(config.streams, change)
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

    def _weakest(self, config: AgentConfig) -> float:
        """The least score that any stream may hide."""
        model = self._around.model
        return min(
            (hidden_classes(model.bundle, s.hide).weakest for s in config.streams.values()),
            default=model.detector.min_score,
        )

    def _move_metrics(self, config: AgentConfig) -> None:
        """Serve metrics elsewhere; where that can't be, go on as before.

        Raises:
            OutputError: it can't be.
        """
        try:
            self._serve_metrics(config)
        except OutputError:
            self._serve_metrics(self._config)
            raise

    def _serve_metrics(self, config: AgentConfig) -> None:
        if self._metrics is not None:
            self._metrics.close()
            self._metrics = None
        if config.telemetry.prometheus is not None:
            self._metrics = MetricsServer(config.telemetry.prometheus, self.status)

    def _believed_now(self) -> float | None:
        """Unix time; None where nobody has set the clock since boot."""
        return self._clock.now() if self._clock.synced else None

    def _over_memory(self) -> str | None:
        most = self._config.limits.memory
        if most is None or (used := resident_bytes()) <= most:
            return None
        return f"{used >> 20} MiB of memory are in use, and limits.memory is {most >> 20} MiB"

    def _said(self) -> str:
        """How everything is, in a line for a person."""
        hide = self._secrets.hide
        statuses = self._streams.statuses()
        running = sum(status.state == "running" for status in statuses.values())
        odd = [
            f"{name} {status.state}" + (f" ({hide(status.reason)})" if status.reason else "")
            for name, status in statuses.items()
            if status.state != "running"
        ]
        return "; ".join([f"{running} of {len(statuses)} streams running", *odd])

    def _end(self) -> None:
        """Have every stream write what is under way, and let go of everything."""
        if hasattr(self, "_streams"):
            self._streams.end()
        if self._metrics is not None:
            self._metrics.close()
        if hasattr(self, "_around"):
            self._around.recorder.close()
            self._around.model.pool.close()


def _encoder_threads(streams: int) -> int:
    """As many as there are cores for each stream, and no more than two.

    Each holds a picture back, which a killed process loses: four threads lost 2.2 s of a camera that
    said 25 pictures a second and gave 5. One encodes 60 pictures of 1080p a second.
    """
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return max(1, min(2, cores // max(1, streams)))
