"""AgentStatus: how an agent and its streams are at one moment; what metrics are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from agent.control.clock import EARLIEST_S

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.control.messages import ControlTele
    from models.runtime.candidate import Choice

State = Literal["starting", "running", "stalled", "reconnecting", "paused", "ended", "failed"]
"""Of a stream. `ended`: a file that is not looped came to its end. `failed`: its configuration does
not fit the model, and nothing but another one can mend that."""


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """How a stream is; counts are since the agent began, over all its sessions.

    Attributes:
        reason: why it is in this state; empty where there is nothing to say.
        since_s: Unix time of the state's begin, as the machine believed it.
        frames_in: frames that the source gave.
        frames_out: redacted frames that the sink took.
        dropped: frames of a live source that newer ones pushed out before they were looked at.
        damaged: packets and pictures that could not be decoded.
        detections: frames that the detector was asked about.
        covers: objects that were hidden, summed up over frames.
        labels: tracks that were hidden, by what they were first taken for.
        whole: frames that were covered whole, by reason.
        stage_s: seconds by stage and `busy`, `wait_in` or `wait_out`.
        late: detections of a live source whose result came later than it should.
        queues: frames that wait now, by the stage that they wait for.
        held_back: frames that waited in the analysis when it last let some go.
        last_frame_age_s: seconds since the sink took a frame; None before the first.
        reconnections: sessions that ended in a fault.
        size: width, height of its pictures in pixels; None before the first session.
        rate: frames a second, as its source said; None where it didn't.
        covered: whether its last frame was covered whole.
        unwritten: sessions that ended because what they recorded into can't be written.
    """

    state: State
    reason: str = ""
    since_s: float = 0.0
    frames_in: int = 0
    frames_out: int = 0
    dropped: int = 0
    damaged: int = 0
    detections: int = 0
    covers: int = 0
    labels: Mapping[str, int] = field(default_factory=dict)
    whole: Mapping[str, int] = field(default_factory=dict)
    stage_s: Mapping[tuple[str, str], float] = field(default_factory=dict)
    late: int = 0
    queues: Mapping[str, int] = field(default_factory=dict)
    held_back: int = 0
    last_frame_age_s: float | None = None
    reconnections: int = 0
    size: tuple[int, int] | None = None
    rate: float | None = None
    covered: bool = False
    unwritten: int = 0

    @property
    def since(self) -> float | None:
        """Unix time of the state's begin; None where the clock was not set by then."""
        return self.since_s if self.since_s >= EARLIEST_S else None

    @property
    def objects(self) -> int:
        """Tracks that were hidden."""
        return sum(self.labels.values())


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """Which network runs, and on what.

    Attributes:
        sha256: of the network's file, as in the manifest.
        candidates: what became of each of the bundle's files.
        bundle: SHA-256 of the bundle's manifest.
    """

    name: str
    version: int
    precision: str
    runtime: str
    sha256: str
    candidates: Choice = ()
    bundle: str | None = None


NO_MODEL = ModelStatus("none", 0, "none", "none", "")
"""None runs, and every frame is covered whole."""


@dataclass(frozen=True, slots=True)
class RecordingsStatus:
    """The folder of recordings.

    Attributes:
        size_bytes: of all recordings.
        free_bytes: on their file system.
        deleted: recordings that retention deleted since the agent began.
        deleted_early: those of them that were not yet too old: there was no room.
    """

    size_bytes: int
    free_bytes: int
    deleted: int
    deleted_early: int = 0


@dataclass(frozen=True, slots=True)
class ControlStatus:
    """The control plane.

    Attributes:
        away: why there is no connection to the broker; empty where there is one.
        counts: None before it has begun.
    """

    away: str
    counts: ControlTele | None


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """All of it.

    Attributes:
        version: of Sfumato.
        device: the device's name.
        hung_detections: detections that took too long and still run.
        streams: by name.
        recordings: None where nothing is recorded.
        control: None where the configuration names no broker.
    """

    version: str
    device: str
    model: ModelStatus
    hung_detections: int
    streams: Mapping[str, StreamStatus]
    recordings: RecordingsStatus | None
    control: ControlStatus | None = None
