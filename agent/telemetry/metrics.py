"""Metrics: what Prometheus is told, made of an agent's status and its device's sensors.

Every series has the label `device`, because an agent is scraped on 127.0.0.1 by its own device's
collector, and `instance` is then the same everywhere. Label values come from the configuration,
the code and the kernel alone, so their number is bounded: a state's reason, which holds a camera's
words, is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

from agent.telemetry.status import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from prometheus_client.core import Metric

    from agent.telemetry.sensors import Readings
    from agent.telemetry.status import AgentStatus, StreamStatus

    Labelled = Iterable[tuple[dict[str, str], float]]

_STREAM_COUNTERS: tuple[tuple[str, str, Callable[[StreamStatus], int]], ...] = (
    ("input_frames", "Frames that the source gave.", lambda s: s.frames_in),
    ("output_frames", "Redacted frames that the sink took.", lambda s: s.frames_out),
    ("skipped_frames", "Packets and pictures that were damaged.", lambda s: s.damaged),
    ("dropped_frames", "Frames that newer ones pushed out unseen.", lambda s: s.dropped),
    ("detections", "Frames that the detector was asked about.", lambda s: s.detections),
    ("late_detections", "Detections of a live source that missed its deadline.", lambda s: s.late),
    ("objects", "Tracks that were hidden.", lambda s: s.objects),
    ("reconnections", "Sessions that ended in a fault.", lambda s: s.reconnections),
)


def metrics_of(status: AgentStatus, readings: Readings) -> Iterator[Metric]:
    """All families that have a value."""
    for family in (*_agent(status), *_control(status), *_streams(status), *_device(readings)):
        for sample in family.samples:
            sample.labels["device"] = status.device
        if family.samples:
            yield family


def _agent(status: AgentStatus) -> Iterator[Metric]:
    model, recordings = status.model, status.recordings
    yield _info("build", "Which Sfumato runs.", {"version": status.version})
    yield _info(
        "model",
        "Which network runs, and on what.",
        {
            "name": model.name,
            "version": str(model.version),
            "precision": model.precision,
            "runtime": model.runtime,
            "sha256": model.sha256,
        },
    )
    yield _gauge(
        "model_candidate",
        "1 for what became of each of the bundle's files, by its precision, and on which runtime.",
        [
            (
                {
                    "precision": each.role or "",
                    "runtime": each.runtime or "",
                    "outcome": each.outcome,
                },
                1.0,
            )
            for each in model.candidates
        ],
    )
    yield _gauge(
        "hung_detections",
        "Detections that took too long and still run.",
        [({}, status.hung_detections)],
    )
    if recordings is not None:
        yield _gauge("recordings_bytes", "Size of all recordings.", [({}, recordings.size_bytes)])
        yield _gauge(
            "recordings_free_bytes",
            "Free space on the file system of the recordings.",
            [({}, recordings.free_bytes)],
        )
        yield _counter(
            "recordings_deleted",
            "Recordings that retention deleted.",
            [({}, recordings.deleted)],
        )


def _control(status: AgentStatus) -> Iterator[Metric]:
    """Nothing where the configuration names no broker."""
    control = status.control
    if control is None:
        return
    yield _gauge(
        "control_connected", "Whether there is a connection to the broker.",
        [({}, float(not control.away))],
    )  # fmt: skip
    if (counts := control.counts) is None:
        return
    yield _gauge(
        "control_queued_events", "Events that no broker has yet.", [({}, float(counts.queued))]
    )
    for name, said, count in (
        ("dropped_events", "Events that were lost.", counts.dropped),
        ("unheard_messages", "Messages that nobody subscribed to.", counts.unheard),
        ("reconnections", "Connections to the broker that were lost.", counts.reconnections),
    ):
        yield _counter(f"control_{name}", said, [({}, float(count))])
    refused = [({"reason": reason}, float(count)) for reason, count in counts.refused.items()]
    yield _counter("control_refused_messages", "Messages that got no answer.", refused)


def _streams(status: AgentStatus) -> Iterator[Metric]:
    streams = [({"stream": name}, stream) for name, stream in status.streams.items()]
    for name, text, value in _STREAM_COUNTERS:
        yield _counter(f"stream_{name}", text, [(label, value(s)) for label, s in streams])
    yield _counter(
        "stream_covered_whole_frames",
        "Frames that were covered whole, by reason.",
        [(label | {"reason": r}, n) for label, s in streams for r, n in s.whole.items()],
    )
    yield _counter(
        "stream_stage_seconds",
        "Time of a stage: busy, waiting for input (wait_in) or for the next stage (wait_out).",
        [
            (label | {"stage": stage, "kind": kind}, seconds)
            for label, s in streams
            for (stage, kind), seconds in s.stage_s.items()
        ],
    )
    yield _gauge(
        "stream_queue_depth",
        "Frames that wait now, by the stage that they wait for.",
        [(label | {"stage": stage}, n) for label, s in streams for stage, n in s.queues.items()],
    )
    yield _gauge(
        "hold_back_frames",
        "Frames that waited for later ones when the analysis last let some go.",
        [(label, s.held_back) for label, s in streams],
    )
    yield _gauge(
        "stream_last_frame_age_seconds",
        "Time since the sink took a frame; absent before the first.",
        [(label, s.last_frame_age_s) for label, s in streams if s.last_frame_age_s is not None],
    )
    yield _gauge(
        "stream_state",
        "1 for the state that the stream is in, 0 for the others.",
        [
            (label | {"state": state}, state == s.state)
            for label, s in streams
            for state in get_args(State)
        ],
    )
    yield _gauge(
        "stream_state_since_timestamp_seconds",
        "Unix time at which the stream came into its state.",
        [(label, s.since_s) for label, s in streams],
    )


def _device(readings: Readings) -> Iterator[Metric]:
    yield _gauge(
        "device_temperature_celsius",
        "Temperature of a thermal zone.",
        [({"zone": zone}, celsius) for zone, celsius in readings.celsius.items()],
    )
    yield _gauge(
        "device_power_watts",
        "Power of a rail, as the board names it.",
        [({"rail": rail}, watts) for rail, watts in readings.watts.items()],
    )
    yield _gauge(
        "device_throttled",
        "1 where the chip is slowed down now, by what slows it.",
        [({"by": name}, slowed) for name, slowed in readings.throttled.items()],
    )
    yield _counter(
        "device_throttle_events",
        "How often the chip was slowed down since boot, by cause.",
        [({"cause": cause}, count) for cause, count in readings.throttle_events.items()],
    )
    if readings.power_mode is not None:
        yield _info("device_power_mode", "The power mode.", {"mode": readings.power_mode})


def _info(name: str, text: str, labels: dict[str, str]) -> Metric:
    return _filled(InfoMetricFamily(f"sfumato_{name}", text), "_info", [(labels, 1)])


def _counter(name: str, text: str, values: Labelled) -> Metric:
    return _filled(CounterMetricFamily(f"sfumato_{name}", text), "_total", values)


def _gauge(name: str, text: str, values: Labelled) -> Metric:
    return _filled(GaugeMetricFamily(f"sfumato_{name}", text), "", values)


def _filled(family: Metric, suffix: str, values: Labelled) -> Metric:
    for labels, value in values:
        family.add_sample(family.name + suffix, labels, float(value))
    return family
