"""Agent: one model and many streams, from a configuration's first reading to the last segment."""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING

from agent.config.state_folder import state_folder
from agent.control.clock import EventClock
from agent.encoder_threads import encoder_threads_of_live
from agent.errors import AgentError
from agent.live.views import Views
from agent.release import VERSION
from agent.service.building import Building
from agent.service.controlled_agent import ControlledAgent
from agent.service.device_info import groups_of
from agent.service.errands import Errands
from agent.service.first_model import first_model
from agent.service.last_run import LastRun
from agent.service.liveness import Liveness
from agent.service.model import Model
from agent.service.model_host import ModelHost
from agent.service.operations import Operations
from agent.service.override_file import OverrideFile
from agent.service.pauses import Pauses
from agent.service.reach import Reach
from agent.service.recorder import Recorder
from agent.service.reporting import Reporting
from agent.service.resident import over_memory
from agent.service.restart_check import check_restart
from agent.service.running_config import RunningConfig
from agent.service.stream_operations import StreamOperations
from agent.service.stream_session import Surroundings
from agent.service.streams import Streams
from agent.service.summary import summary
from agent.service.updating import Updating, worker_of
from agent.telemetry.agent_collector import AgentCollector
from agent.telemetry.metrics_endpoint import MetricsEndpoint
from agent.telemetry.status import AgentStatus
from agent.update.store import Store
from agent.video.verdicts import VERDICTS, Verdicts
from agent.wall_clock import WallClock
from models.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from agent.config.secrets import Secrets
    from agent.config.tree import AgentConfig
    from agent.control.messages import ConfigDesired, ConfigReported
    from agent.service.first_model import FirstModel
    from agent.service.last_run import Ending
    from agent.service.live_display import LiveDisplay
    from agent.service.notify import Notifier
    from agent.service.recent_logs import RecentLogs

_log = logging.getLogger(__name__)

_TICK_S = 1.0
"""How often to look after streams: a stalled one is seen within 2 s."""


class Agent:
    """What `sfumato run` is.

    Args:
        path: the configuration file.
        secrets: what its templates are filled with.
        notifier: is told how the agent is.
        recent: the last lines of the log.

    Attributes:
        errands: what its main thread is asked for; a signal handler may put requests.
        begins_anew: whether it ended to begin anew.
    """

    def __init__(
        self, path: Path, secrets: Secrets, notifier: Notifier, recent: RecentLogs
    ) -> None:
        self._path, self._secrets, self._notifier, self._recent = path, secrets, notifier, recent
        self._live: LiveDisplay | None = None
        collector = AgentCollector(
            self.status, live=lambda: None if self._live is None else self._live.status()
        )
        self._metrics = MetricsEndpoint(collector)
        self._wall = WallClock()
        self._clock = EventClock(self._wall)
        self._state = state_folder(path)
        self._running = RunningConfig(path, secrets, self._state)
        self._pauses = Pauses(OverrideFile(self._state), self._clock.now)
        self.errands = Errands()
        self.begins_anew = False

    def run(self) -> int:
        """Run until it is asked to stop, or to begin anew; the exit code.

        Raises:
            UsageError: the configuration is invalid.
            ModelError: there is no model that may run.
            InputError: what the live page is to be served with can't be used.
            OutputError: metrics or that page can't be served where it says.
        """
        ending: Ending = "fault"
        try:
            with self._notifier.taking_long():
                self._begin()
            self._notifier.ready(self._said())
            _log.info("ready: %s", self._said())
            self._reporting.begin(self._running.now, self.status(), self._reported())
            self._updating.begin(groups_of(self._running.now))
            code = self._attend()
            if code == 0:
                ending = "restart" if self.begins_anew else "stopped"
            return code
        finally:
            if self.begins_anew:  # told that it stops, systemd would stop it
                self._notifier.reloading()
                self._notifier.watchdog()
            else:
                self._notifier.stopping()
            self._end(ending)

    def status(self) -> AgentStatus:
        """How everything is now; from any thread."""
        return AgentStatus(
            version=VERSION,
            device=self._running.now.device,
            model=self._around.model.status(),
            hung_detections=self._around.model.pool.hung,
            streams=self._streams.statuses(),
            recordings=self._around.recorder.status(),
            control=self._reporting.reach.status,
        )

    def _begin(self) -> None:
        config = self._running.load()
        building = Building(self._notifier, self.errands)
        store = Store(self._state)
        first = first_model(config, store, self._state, building)
        self._around = Surroundings(
            first.model,
            Recorder(config.record),
            self._secrets,
            encoder_threads_of_live(len(config.streams)),
            Verdicts(self._state / VERDICTS),
            None if config.live is None else Views(),
        )
        config = self._running.fitting(config, first.model.bundle)
        self._running.begin(config)
        self._streams = Streams(self._around)
        self._streams.hold(self._pauses.streams)
        self._updating = self._to_update(config, store, first)
        self._reporting = self._to_report()
        self._liveness = Liveness(config.model.detect_timeout_s)
        first.model.look_for(config)
        self._metrics.serve(config.telemetry.prometheus)
        self._show(config)
        sinks = [stream.sink for stream in config.streams.values()]
        self._around.recorder.start(opens=any(sink.record and sink.file is None for sink in sinks))
        for name, stream in config.streams.items():
            self._streams.add(name, stream)

    def _to_update(self, config: AgentConfig, store: Store, first: FirstModel) -> Updating:
        """What changes the model."""
        host = ModelHost(
            self._around,
            first.path,
            self._streams,
            self.errands,
            lambda path: Model.load_from(path, self._running.now.model, self._state, None),
            lambda: self._running.now,
            lambda what: self._reporting.reach.tell("model", what),
        )
        worker = worker_of(config, self._state)
        return Updating(config, store, worker, host, first, self._clock)

    def _to_report(self) -> Reporting:
        """What is told over MQTT, and by whom."""
        hide, clock, updating = self._secrets.hide, self._clock, self._updating
        streams = StreamOperations(self._streams, self._pauses, self.errands, clock.now)
        operations = Operations(
            streams,
            self.errands,
            lambda: self._around.model,
            updating,
            self._recent,
            clock,
            lambda: check_restart(self._running, self._around.model),
            hide,
        )
        controlled = ControlledAgent(self.status, operations, updating, self._offer, hide, clock)
        reach = Reach(controlled, self._secrets, self._state, self._wall, uuid.uuid4().hex)
        return Reporting(controlled, reach, LastRun(self._state, self._wall.boot_id), clock, hide)

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
            self._pauses.tick(self._running.now.streams)
            self._streams.hold(self._pauses.streams)
            for supervisor in self._streams:
                supervisor.tick()
            self._updating.look()
            self._reporting.look(self._running.now, self.status(), self._reported())
            if (too_much := over_memory(self._running.now.limits.memory)) is not None:
                _log.error("%s; ending, to be started anew", too_much)
                return AgentError.exit_code
            pool = self._around.model.pool
            fault = self._liveness.fault(self._streams, pool.hangs_lately)
            fault = fault or pool.lost or self._reporting.reach.dead()
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
            loaded = self._running.load()
            bundle = self._around.model.bundle
            said = self._change_to(self._running.fitting(loaded, bundle), "file")
        except (AgentError, ModelError) as error:
            said = self._secrets.hide(f"the configuration stays as it was: {error}")
            _log.error("%s", said)
        self._notifier.ready(f"{said}; {self._said()}" if said else self._said())

    def _offer(self, desired: ConfigDesired) -> None:
        """Have the main thread try what is desired from afar; from any thread."""
        self.errands.put(lambda: self._try(desired))

    def _try(self, desired: ConfigDesired) -> None:
        """Change to what is desired from afar, or note what is wrong with it."""
        try:
            config = self._running.offered(desired, self._around.model.bundle)
            if config is None:
                return
            try:
                self._change_to(config, "remote")
            except (AgentError, ModelError) as error:
                self._running.refuse(error)
                raise
            _log.info("rev %d of config/desired is in force", desired.rev)
        except (AgentError, ModelError) as error:
            _log.warning("rev %d of config/desired is refused: %s", desired.rev, error)
            self._reporting.refused(desired.rev, str(error))

    def _change_to(self, config: AgentConfig, origin: str) -> str:
        """Do what a configuration that was checked asks for; what to say about it.

        Args:
            origin: whether it was the device's own file that changed, or what came from afar.

        Raises:
            OutputError: metrics can't be served where it says; nothing was changed.
        """
        change = self._running.difference(config)
        if "telemetry.prometheus" in change.settings:
            self._metrics.serve(config.telemetry.prometheus)
        self._running.become(config, change)
        self._around.recorder.adjust(config.record)
        # Never less: what leaves, or has frames under way, still looks for what it looked for.
        self._around.model.look_for(config, also=True)
        self._streams.change(config.streams, change)
        self._running.accept()
        self._updating.go_by(self._running.now, groups_of(self._running.now))
        self._reporting.changed(self._running.now, self._running.rev, origin, change.parts)
        if not change.needs_restart:
            return ""
        said = f"restart the agent to change {', '.join(change.needs_restart)}"
        _log.warning("%s", said)
        return said

    def _show(self, config: AgentConfig) -> None:
        """Show the streams in browsers, where it says so.

        Raises:
            InputError: the token, the certificate or its key can't be used.
            OutputError: nothing can listen there.
        """
        views = self._around.views
        if config.live is None or views is None:
            return
        # asyncio and more, for this alone
        from agent.service.live_display import LiveDisplay  # noqa: PLC0415

        self._live = LiveDisplay(
            config.live, views, self._streams, lambda: self._running.now.streams, self._secrets
        )
        self._live.start()

    def _reported(self) -> ConfigReported:
        return self._running.reported(self._pauses.overrides.to_messages())

    def _said(self) -> str:
        """How everything is, in a line for a person."""
        said = summary(self._streams.statuses(), self._secrets.hide)
        return "; ".join(filter(None, [said, self._reporting.reach.said]))

    def _end(self, ending: Ending) -> None:
        """Have every stream write what is under way, and let go of everything."""
        self.errands.close()  # what waits for this thread waits in vain
        if hasattr(self, "_streams"):
            self._streams.end()
        if hasattr(self, "_updating"):
            self._updating.end()
        if hasattr(self, "_reporting"):
            self._reporting.end(self._running.now, ending)
        if self._live is not None:
            self._live.close()
        self._metrics.close()
        if hasattr(self, "_around"):
            self._around.recorder.close()
            self._around.model.close()
