"""SensorWatch: what a machine draws, and how warm it becomes, while something else goes on."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from agent.bench.bench_report import SensorPart

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from agent.telemetry.sensors import Readings

_EVERY_S = 0.2
"""Chosen, not measured: a board's power monitor averages over about as long."""


class SensorWatch:
    """Reads sensors on a thread of its own for as long as its context lasts.

    Args:
        read: reads all sensors at once.
    """

    def __init__(self, read: Callable[[], Readings], every_s: float = _EVERY_S) -> None:
        self._read, self._every_s = read, every_s
        self._watts: dict[str, list[float]] = {}
        self._celsius: dict[str, list[float]] = {}
        self._throttled: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sensor watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    @property
    def watts(self) -> dict[str, SensorPart]:
        """By rail, after the context; empty where nothing tells."""
        return _parts(self._watts)

    @property
    def celsius(self) -> dict[str, SensorPart]:
        """By thermal zone."""
        return _parts(self._celsius)

    @property
    def throttled(self) -> tuple[str, ...]:
        """What slowed the chip down at some time."""
        return tuple(sorted(self._throttled))

    def _run(self) -> None:
        while True:
            readings = self._read()
            _keep(self._watts, readings.watts)
            _keep(self._celsius, readings.celsius)
            self._throttled |= {name for name, now in readings.throttled.items() if now}
            if self._over.wait(self._every_s):
                return


def _keep(found: dict[str, list[float]], values: Mapping[str, float]) -> None:
    for name, value in values.items():
        found.setdefault(name, []).append(value)


def _parts(found: Mapping[str, list[float]]) -> dict[str, SensorPart]:
    return {
        name: SensorPart(mean=round(sum(values) / len(values), 2), most=round(max(values), 2))
        for name, values in found.items()
    }
