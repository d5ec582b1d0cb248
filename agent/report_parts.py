"""The parts of a run's report."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class ReportPart(BaseModel):
    """Anything in a report; what checks it is made when a report is, after the video."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class ModelPart(ReportPart):
    """Which bundle, and which of its networks ran on what.

    Attributes:
        digest: names the whole bundle.
        precision: of the network that ran; None where a detector of another kind did.
        sha256: of that network's file.
        runtime: what computed it.
        reason: why that one.
        candidates: a line for each of the bundle's files and each runtime: whether it may run here,
            and how fast.
    """

    name: str
    version: int
    family: str
    digest: str
    signed_by: str | None
    precision: str | None
    sha256: str | None
    runtime: str | None
    reason: str | None
    candidates: tuple[str, ...]


class VideoPart(ReportPart):
    """The input as its container describes it.

    Attributes:
        decoder: what decoded it.
        copied_s: seconds in which its pictures were copied out of the decoder's memory.
    """

    path: str
    width: int
    height: int
    codec: str
    pixel_format: str
    frame_rate: float | None
    decoder: str
    copied_s: float
    notes: tuple[str, ...]


class FramesPart(ReportPart):
    """What became of the frames; `damaged` could not be decoded and left nothing to show.

    Attributes:
        deinterlaced: showed two moments, and show one.
        resized: had another size or shape than the first.
    """

    read: int
    written: int
    damaged: int
    deinterlaced: int
    resized: int


class RepairsPart(ReportPart):
    """What was amiss with the input's times, as in `agent.frames.repairs.Repairs`."""

    pictures: int
    sound: int
    sound_lost: int
    jumps: int


class StagePart(ReportPart):
    """Where a stage's time went; `load` is the share of its threads' time that it worked."""

    name: str
    threads: int
    frames: int
    busy_s: float
    wait_in_s: float
    wait_out_s: float
    load: float


class TrackPart(ReportPart):
    """One object, and the frames from first to last in which it was hidden."""

    number: int
    label: str
    first: int
    last: int


class PassedOverPart(ReportPart):
    """An input that gave no output, and why: a file of a folder, or one that failed."""

    path: str
    reason: str
