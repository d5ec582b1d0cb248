"""AgentCollector: what Prometheus is told of an agent, made anew for each scrape."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, final

from prometheus_client.registry import Collector

from agent.telemetry.live_metrics import live_metrics
from agent.telemetry.metrics import metrics_of
from agent.telemetry.nvml import Nvml
from agent.telemetry.sensors import Sensors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client.core import Metric

    from agent.telemetry.live_metrics import LiveStatus
    from agent.telemetry.status import AgentStatus


@final
class AgentCollector(Collector):
    """Of an agent and its device.

    Args:
        read: says how the agent is; called by several threads.
        live: likewise of its server of live streams; None where there is none.
        sysfs: where the kernel shows the device's sensors.
    """

    def __init__(
        self,
        read: Callable[[], AgentStatus],
        sysfs: Path = Path("/sys"),
        live: Callable[[], LiveStatus | None] = lambda: None,
    ) -> None:
        self._read, self._live = read, live
        self._sensors = Sensors(sysfs, nvml=Nvml())

    def collect(self) -> Iterator[Metric]:
        """All families that have a value."""
        status, live = self._read(), self._live()
        known = set()
        for family in metrics_of(status, self._sensors.read()):
            known.add(family.name)
            yield family
        for family in () if live is None else live_metrics(live):
            if family.name in known:  # the agent has it of all streams
                continue
            for sample in family.samples:
                sample.labels["device"] = status.device
            if family.samples:
                yield family
