"""Tele: metrics of what devices tell in numbers, once a minute, while they are online."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.fleet.export.device_metrics import MOST_STREAMS
from agent.fleet.export.family import counter, gauge, short, some

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from prometheus_client.core import Metric

    from agent.control.messages import StreamTele, Tele

MOST_OTHERS = 32
"""Of a device's sensors and of a stream's reasons. Chosen, not measured: a Jetson has a dozen."""

_STREAM_COUNTERS: tuple[tuple[str, str, Callable[[StreamTele], int]], ...] = (
    ("input_frames", "Frames that the source gave.", lambda s: s.frames_in),
    ("output_frames", "Redacted frames that the sink took.", lambda s: s.frames_out),
    ("skipped_frames", "Packets and pictures that were damaged.", lambda s: s.damaged),
    ("dropped_frames", "Frames that newer ones pushed out unseen.", lambda s: s.dropped),
    ("detections", "Frames that the detector was asked about.", lambda s: s.detections),
    ("objects", "Tracks that were hidden.", lambda s: s.objects),
    ("reconnections", "Sessions that ended in a fault.", lambda s: s.reconnections),
)
_GAUGES: tuple[tuple[str, str, Callable[[Tele], float | None]], ...] = (
    ("device_uptime_seconds", "Time since the agent began.", lambda t: t.uptime_s),
    ("device_resident_memory_bytes", "Memory of the agent.", lambda t: t.resident_bytes),
    ("recordings_bytes", "Size of all recordings.", lambda t: t.recordings_bytes),
    ("recordings_free_bytes", "Free space for recordings.", lambda t: t.free_bytes),
    ("control_queued_events", "Events that no broker has yet.", lambda t: t.control.queued),
)
_COUNTERS: tuple[tuple[str, str, Callable[[Tele], int]], ...] = (
    ("control_dropped_events", "Events that were lost.", lambda t: t.control.dropped),
    ("control_unheard_messages", "Messages that nobody heard.", lambda t: t.control.unheard),
    ("control_reconnections", "Lost connections.", lambda t: t.control.reconnections),
)
_SENSORS: tuple[tuple[str, str, str, Callable[[Tele], Mapping[str, float]]], ...] = (
    ("device_temperature_celsius", "Of a thermal zone.", "zone", lambda t: t.celsius),
    ("device_power_watts", "Of a rail, as the board names it.", "rail", lambda t: t.watts),
    ("device_throttled", "1 where the chip is slowed down now.", "by", lambda t: t.throttled),
)


def tele_metrics(tele_of: Mapping[str, Tele]) -> Iterator[Metric]:
    """Of each device by its name."""
    told = [({"device": name}, tele) for name, tele in tele_of.items()]
    streams = [
        (label | {"stream": short(name)}, stream)
        for label, tele in told
        for name, stream in some(tele.streams, MOST_STREAMS)
    ]
    for name, text, value in _STREAM_COUNTERS:
        yield counter(f"stream_{name}", text, [(label, value(s)) for label, s in streams])
    yield counter(
        "stream_covered_whole_frames", "Frames that were covered whole, by reason.",
        [
            (label | {"reason": short(reason)}, count)
            for label, stream in streams
            for reason, count in some(stream.whole, MOST_OTHERS)
        ],
    )  # fmt: skip
    yield gauge(
        "stream_last_frame_age_seconds",
        "Time since the sink took a frame, when it was told; absent before the first.",
        [(label, stream.last_frame_age_s) for label, stream in streams],
    )
    for name, text, number in _GAUGES:
        yield gauge(name, text, [(label, number(tele)) for label, tele in told])
    for name, text, count in _COUNTERS:
        yield counter(name, text, [(label, count(tele)) for label, tele in told])
    for name, text, by, values in _SENSORS:
        found = [
            (label | {by: short(key)}, value)
            for label, tele in told
            for key, value in some(values(tele), MOST_OTHERS)
        ]
        yield gauge(name, text, found)
