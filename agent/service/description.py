"""Description: what an agent tells of itself over MQTT, made of its status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.control.messages import Info, ModelInfo, Streams, StreamState, StreamTele, Tele
from agent.telemetry.status import NO_MODEL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from agent.control.messages import ControlTele
    from agent.telemetry.hardware import Hardware
    from agent.telemetry.sensors import Readings
    from agent.telemetry.status import AgentStatus, ModelStatus, StreamStatus

_MOST_LETTERS = 500
"""Of a reason, by its model."""

_FEW_LETTERS = 40
"""Of what became of a file: so much fits into the 16 KiB that a device keeps at its broker."""


def model_info(model: ModelStatus) -> ModelInfo | None:
    """Which network runs; None: none does."""
    if model is NO_MODEL:
        return None
    return ModelInfo(
        name=model.name,
        version=model.version,
        digest=model.sha256,
        precision=model.precision,
        runtime=model.runtime,
        bundle=model.bundle,
    )


def device_info(
    status: AgentStatus,
    hardware: Hardware,
    *,
    schema_digest: str,
    ops: Mapping[str, str],
    signed: bool,
    certificate: tuple[float | None, str | None],
    groups: Sequence[str],
) -> Info:
    """What a device is.

    Args:
        schema_digest: of all messages that it knows.
        ops: commands that it takes, each with the digest of its arguments' schema.
        signed: whether operators' commands have to be signed.
        certificate: Unix time at which the device's own expires, and what to do about it by now.
        groups: that it belongs to.
    """
    certificate_end, certificate_warning = certificate
    return Info(
        agent=status.version,
        schema_digest=schema_digest,
        hardware=hardware.name(),
        l4t=hardware.l4t(),
        model=model_info(status.model),
        candidates={each.what: each.said[:_FEW_LETTERS] for each in status.model.candidates},
        ops=dict(ops),
        signed=signed,
        certificate_end=certificate_end,
        certificate_warning=certificate_warning,
        groups=tuple(groups),
    )


def stream_states(status: AgentStatus, hide: Callable[[str], str]) -> Streams:
    """How all streams are; what changes with every frame is not in it.

    Args:
        hide: replaces secrets in a text.
    """
    running = status.model
    model = None if running is NO_MODEL else f"{running.name} v{running.version}"
    return Streams(
        streams={
            name: StreamState(
                state=stream.state,
                reason=hide(stream.reason)[:_MOST_LETTERS],
                since=stream.since,
                size=stream.size,
                rate=None if stream.rate is None else round(stream.rate, 3),
                model=model,
                covered=stream.covered,
            )
            for name, stream in status.streams.items()
        }
    )


def telemetry(
    status: AgentStatus,
    readings: Readings,
    control: ControlTele,
    *,
    boot_id: str,
    ts: float | None,
    uptime_s: float,
    resident_bytes: int,
) -> Tele:
    """How a device is, in numbers.

    Args:
        boot_id: names this start of the agent.
        ts: Unix time; None where the clock is not to be believed.
        uptime_s: of the agent.
        resident_bytes: of memory, as `agent.service.resident` counts them.
    """
    recordings = status.recordings
    return Tele(
        ts=ts,
        boot_id=boot_id,
        uptime_s=round(uptime_s, 1),
        streams={name: _stream_tele(stream) for name, stream in status.streams.items()},
        control=control,
        celsius=dict(readings.celsius),
        watts={rail: round(watts, 3) for rail, watts in readings.watts.items()},
        throttled=dict(readings.throttled),
        power_mode=readings.power_mode,
        recordings_bytes=None if recordings is None else recordings.size_bytes,
        free_bytes=None if recordings is None else recordings.free_bytes,
        resident_bytes=resident_bytes or None,
    )


def _stream_tele(stream: StreamStatus) -> StreamTele:
    age_s = stream.last_frame_age_s
    return StreamTele(
        state=stream.state,
        frames_in=stream.frames_in,
        frames_out=stream.frames_out,
        dropped=stream.dropped,
        damaged=stream.damaged,
        detections=stream.detections,
        objects=stream.objects,
        whole=dict(stream.whole),
        last_frame_age_s=None if age_s is None else round(age_s, 3),
        reconnections=stream.reconnections,
    )
