"""Reporting: what an agent tells of itself over MQTT, brought up to date by its main thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from agent.service.device_info import info_of
from agent.service.notice import boot_notice, config_notice
from agent.service.notices import Notices
from agent.telemetry.nvml import Nvml
from agent.telemetry.sensors import Sensors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agent.config.tree import AgentConfig
    from agent.control.clock import EventClock
    from agent.control.messages import ConfigReported
    from agent.service.controlled_agent import ControlledAgent
    from agent.service.last_run import Ending, LastRun
    from agent.service.notice import Notice
    from agent.service.reach import Reach
    from agent.telemetry.status import AgentStatus

_SENSORS_S = 5.0
"""How often to read the sensors. Chosen, not measured: a chip takes longer to become warm."""
_INFO_S = 3600.0
"""How often to look when the certificate ends, which is warned of 30 days before."""


@final
class Reporting:
    """Looks at an agent once a second, and tells its control plane.

    Args:
        hide: replaces secrets in a text.
    """

    def __init__(
        self,
        controlled: ControlledAgent,
        reach: Reach,
        last_run: LastRun,
        clock: EventClock,
        hide: Callable[[str], str],
    ) -> None:
        self._controlled, self.reach = controlled, reach
        self._last_run, self._clock, self._hide = last_run, clock, hide
        self._notices, self._sensors = Notices(hide), Sensors(nvml=Nvml())
        self._sensors_due_s = self._info_due_s = 0.0

    def begin(self, config: AgentConfig, status: AgentStatus, reported: ConfigReported) -> None:
        """Be reached as a configuration says, and tell of the start."""
        self._find_out(config, status, reported)
        self.reach.go_by(config)
        if config.mqtt is not None:  # else nobody asks, and nothing need be left on the disk
            self._tell(boot_notice(status, self._last_run.begin()))

    def look(self, config: AgentConfig, status: AgentStatus, reported: ConfigReported) -> None:
        """Bring it all up to date."""
        self._find_out(config, status, reported)
        readings, keep_free = self._controlled.readings, config.record.keep.free
        now_s = self._clock.monotonic()
        for notice in self._notices.look(status, readings, keep_free, now_s):
            self._tell(notice)

    def changed(self, config: AgentConfig, rev: int, origin: str, parts: Sequence[str]) -> None:
        """The agent runs by another configuration."""
        self._info_due_s = 0.0
        self.reach.go_by(config)
        self._tell(config_notice(rev, origin, parts))

    def refused(self, rev: int, reason: str) -> None:
        """A configuration from afar was not taken."""
        self.reach.tell("config", {"rev": rev, "refused": self._hide(reason)})

    def end(self, config: AgentConfig, ending: Ending) -> None:
        """The agent ends."""
        self.reach.close()
        if config.mqtt is not None:
            self._last_run.end(ending)

    def _find_out(self, config: AgentConfig, status: AgentStatus, reported: ConfigReported) -> None:
        now_s = self._clock.monotonic()
        if now_s >= self._sensors_due_s:
            self._sensors_due_s = now_s + _SENSORS_S
            self._controlled.readings = self._sensors.read()
        if now_s >= self._info_due_s or self._controlled.runs_another(status):
            self._info_due_s = now_s + _INFO_S
            self._controlled.info_now = info_of(config, status, self._clock.now())
        self._controlled.reported = reported

    def _tell(self, notice: Notice) -> None:
        self.reach.tell(notice.kind, notice.data)
