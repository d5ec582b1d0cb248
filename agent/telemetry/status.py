"""AgentStatus: how an agent and its streams are at one moment; what metrics are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

State = Literal["starting", "running", "stalled", "reconnecting", "paused", "ended", "failed"]
"""Of a stream. `ended`: a file that is not looped came to its end. `failed`: its configuration does
not fit the model, and nothing but another one can mend that."""


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """How a stream is; counts are since the agent began, over all its sessions.

    Attributes:
        reason: why it is in this state; empty where there is nothing to say.
        since_s: Unix time of the state's begin.
        frames_in: frames that the source gave.
        frames_out: redacted frames that the sink took.
        dropped: frames of a live source that newer ones pushed out before they were looked at.
        damaged: packets and pictures that could not be decoded.
        detections: frames that the detector was asked about.
        objects: tracks that were hidden.
        whole: frames that were covered whole, by reason.
        stage_s: seconds by stage and `busy`, `wait_in` or `wait_out`.
        queues: frames that wait now, by the stage that they wait for.
        last_frame_age_s: seconds since the sink took a frame; None before the first.
        reconnections: sessions that ended in a fault.
        size: width, height of its pictures in pixels; None before the first session.
        rate: frames a second, as its source said; None where it didn't.
        covered: whether its last frame was covered whole.
    """

    state: State
    reason: str = ""
    since_s: float = 0.0
    frames_in: int = 0
    frames_out: int = 0
    dropped: int = 0
    damaged: int = 0
    detections: int = 0
    objects: int = 0
    whole: Mapping[str, int] = field(default_factory=dict)
    stage_s: Mapping[tuple[str, str], float] = field(default_factory=dict)
    queues: Mapping[str, int] = field(default_factory=dict)
    last_frame_age_s: float | None = None
    reconnections: int = 0
    size: tuple[int, int] | None = None
    rate: float | None = None
    covered: bool = False


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """Which network runs, and on what; `sha256` is of the network's file, as in the manifest."""

    name: str
    version: int
    precision: str
    runtime: str
    sha256: str


@dataclass(frozen=True, slots=True)
class RecordingsStatus:
    """The folder of recordings.

    Attributes:
        size_bytes: of all recordings.
        free_bytes: on their file system.
        deleted: recordings that retention deleted since the agent began.
    """

    size_bytes: int
    free_bytes: int
    deleted: int


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """All of it.

    Attributes:
        version: of Sfumato.
        device: the device's name.
        hung_detections: detections that took too long and still run.
        streams: by name.
        recordings: None where nothing is recorded.
    """

    version: str
    device: str
    model: ModelStatus
    hung_detections: int
    streams: Mapping[str, StreamStatus]
    recordings: RecordingsStatus | None
