"""Live metrics: what Prometheus is told of a server of live streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from prometheus_client.core import Metric

    _Labelled = Iterable[tuple[dict[str, str], float | None]]


@dataclass(frozen=True, slots=True)
class StreamFigures:
    """One live stream, as `agent.live.show.ShowState` has it; times in seconds."""

    state: str
    fps: float
    delay_s_p50: float | None
    delay_s_p95: float | None
    hold_back_frames: int
    dropped: int
    whole_share: float
    last_picture_s: float | None


@dataclass(frozen=True, slots=True)
class LiveStatus:
    """How a server of live streams is at one moment.

    Attributes:
        clients: those that are connected now, by what they are.
        pictures: so many went out to clients so far.
        lost: pictures that clients lost because they were too slow, so far; of those that left.
        dropped: frames of browsers' cameras that were never shown so far, by reason.
        refused: connections that were refused or closed by us so far, by reason.
        streams: each stream, by name.
    """

    clients: Mapping[str, int]
    pictures: int
    lost: int
    dropped: Mapping[str, int]
    refused: Mapping[str, int]
    streams: Mapping[str, StreamFigures]


def live_text(status: LiveStatus) -> bytes:
    """As Prometheus scrapes it."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(list(live_metrics(status))))
    return generate_latest(registry)


@final
class _Once(Collector):
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)


def live_metrics(status: LiveStatus) -> Iterator[Metric]:
    """All families."""
    clients = [({"as": kind}, float(count)) for kind, count in status.clients.items()]
    yield _gauge("live_clients", "Clients that are connected.", clients)
    yield _counter("live_frames", "Pictures that went out.", [({}, status.pictures)])
    yield _counter("live_lost_frames", "Pictures that slow clients lost.", [({}, status.lost)])
    for name, text, counts in (
        ("live_camera_dropped_frames", "Frames of browsers never shown, why.", status.dropped),
        ("live_refused", "Connections that were refused or closed, why.", status.refused),
    ):
        yield _counter(name, text, [({"reason": why}, count) for why, count in counts.items()])
    streams = [({"stream": name}, stream) for name, stream in status.streams.items()]
    yield _gauge(
        "live_state", "1 for the state that a stream is in.",
        [(label | {"state": each.state}, 1.0) for label, each in streams],
    )  # fmt: skip
    yield _gauge("live_fps", "Pictures a second.", [(label, s.fps) for label, s in streams])
    yield _gauge(
        "live_delay_seconds",
        "From a picture's arrival to its packets, over the last few seconds.",
        [
            (label | {"quantile": quantile}, delay)
            for label, s in streams
            for quantile, delay in (("0.5", s.delay_s_p50), ("0.95", s.delay_s_p95))
        ],
    )
    yield _gauge(
        "hold_back_frames",
        "Frames that wait for what they need before they may be shown.",
        [(label, float(s.hold_back_frames)) for label, s in streams],
    )
    yield _counter(
        "live_dropped_frames", "Frames never shown.", [(label, s.dropped) for label, s in streams]
    )
    yield _gauge(
        "live_covered_whole_share",
        "Part of the pictures lately that were covered whole.",
        [(label, s.whole_share) for label, s in streams],
    )
    yield _gauge(
        "live_last_frame_age_seconds",
        "Time since a picture came out; absent before the first.",
        [(label, s.last_picture_s) for label, s in streams],
    )


def _counter(name: str, text: str, values: _Labelled) -> Metric:
    return _filled(CounterMetricFamily(f"sfumato_{name}", text), "_total", values)


def _gauge(name: str, text: str, values: _Labelled) -> Metric:
    return _filled(GaugeMetricFamily(f"sfumato_{name}", text), "", values)


def _filled(family: Metric, suffix: str, values: _Labelled) -> Metric:
    for labels, value in values:
        if value is not None:
            family.add_sample(family.name + suffix, labels, value)
    return family
