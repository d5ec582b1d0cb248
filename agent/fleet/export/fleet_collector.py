"""FleetCollector: what Prometheus is told of a fleet, made anew for each scrape.

Devices behind a NAT can't be scraped; this is. Names are those of a device's own metrics with
`fleet_` before them, for a Prometheus may have both. How many series there are is bounded, whatever
a device says: of names that it makes up, each is short, and only some are looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from prometheus_client.registry import Collector

from agent.fleet.export.device_metrics import devices_metrics
from agent.fleet.export.family import gauge
from agent.fleet.export.tele import tele_metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client.core import Metric

    from agent.fleet.live import Fleet


@final
class FleetCollector(Collector):
    """Of all devices.

    Args:
        read: says how they are; called once a scrape.
    """

    def __init__(self, read: Callable[[], Fleet]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """All families that have a value; without a connection nothing is known of any device."""
        fleet = self._read()
        yield gauge(
            "control_connected", "Whether there is a connection to the broker.",
            [({}, float(not fleet.away))],
        )  # fmt: skip
        if fleet.away:
            return
        for family in (*devices_metrics(fleet), *tele_metrics(fleet.tele)):
            if family.samples:
                yield family
