"""BenchReport: what a bench measured, in numbers that a program can read and a person can send."""

from __future__ import annotations

from agent.report_parts import ReportPart, StagePart


class MachinePart(ReportPart):
    """What was measured on; nothing in it names a person, a network or a place.

    Attributes:
        device: the board, else the processor.
        l4t: release of Jetson Linux; None elsewhere.
        os: the kernel, and its release.
        power_mode: as `nvpmodel` names it on a Jetson.
        cores: that this process may use.
        gpu: as its driver names it; None where TensorRT has none to use.
        versions: of Sfumato and what computes.
    """

    device: str
    l4t: str | None
    os: str
    architecture: str
    power_mode: str | None
    cores: int
    gpu: str | None
    versions: dict[str, str]


class LatencyPart(ReportPart):
    """As in `agent.bench.latency.Latency`, rounded."""

    runs: int
    p50_ms: float
    p90_ms: float
    p99_ms: float


class NetworkPart(ReportPart):
    """One of a bundle's files on one runtime, alone.

    Attributes:
        size: width, height that it was fed.
        batch: images a run.
        wall: by the clock, from the array in main memory to the arrays in main memory.
        device: by the GPU's events, the network alone; None on a CPU.
        images_per_s: by the clock, one run after the other.
    """

    runtime: str
    precision: str
    size: tuple[int, int]
    batch: int
    wall: LatencyPart
    device: LatencyPart | None
    images_per_s: float


class SkippedPart(ReportPart):
    """What was not measured, and why."""

    what: str
    why: str


class SensorPart(ReportPart):
    """A sensor while a clip was redacted: mean and most, in its own unit."""

    mean: float
    most: float


class ClipPart(ReportPart):
    """A clip redacted whole, from file to file.

    Attributes:
        width: pixels; no name and no picture of the clip stands here.
        fps: frames a second of all the run, without loading.
        steady_fps: likewise from the 25th frame to the last but 25, if it has as many.
        real_time_factor: `fps` over the clip's own rate, where that is known.
        decoder: what decoded it.
        every: frames from one detection to the next, or `auto`.
        workers: detections at once.
        bottleneck: the stage that the others waited for.
        watts: by rail, as the board names it.
        celsius: by thermal zone.
        throttled: what slowed the chip down meanwhile.
    """

    width: int
    height: int
    codec: str
    frames: int
    decoder: str
    runtime: str
    precision: str
    every: int | str
    workers: int
    fps: float
    steady_fps: float | None
    real_time_factor: float | None
    bottleneck: str
    stages: tuple[StagePart, ...]
    watts: dict[str, SensorPart]
    celsius: dict[str, SensorPart]
    throttled: tuple[str, ...]


class BundlePart(ReportPart):
    """What was measured, without its name and the names of its classes.

    Attributes:
        classes: how many.
        sizes: width, height that it may be fed.
        files: bytes, by precision.
    """

    family: str
    layout: str | None
    classes: int
    sizes: tuple[tuple[int, int], ...]
    files: dict[str, int]


class BenchReport(ReportPart):
    """A bench's results.

    Attributes:
        schema_version: of this document.
        threads: that shared a run of a network on the CPU.
        skipped: what was not measured.
    """

    schema_version: int = 1
    machine: MachinePart
    bundle: BundlePart
    threads: int
    networks: tuple[NetworkPart, ...]
    clip: ClipPart | None
    skipped: tuple[SkippedPart, ...]
