"""RunReport: what a run did, in numbers that a program can read."""

from __future__ import annotations

import platform
from dataclasses import asdict
from typing import TYPE_CHECKING

from agent.report_parts import (
    FramesPart,
    ModelPart,
    PassedOverPart,
    RepairsPart,
    ReportPart,
    StagePart,
    TrackPart,
    VideoPart,
)
from agent.settings import BlurSettings, interval_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from agent.frames.ports import Source
    from agent.pipeline.pipeline import Pipeline
    from agent.pipeline.run_journal import RunJournal
    from agent.pipeline.sink import ShownT
    from agent.stage_clock import StageClock
    from models.bundle import Bundle
    from models.runtime.choose import Chosen

_PACKAGES = ("sfumato", "av", "numpy", "onnxruntime", "opencv-python")


class RunReport(ReportPart):
    """One video's run.

    Attributes:
        redacted: false where boxes were drawn instead, for tuning.
        left_out: what the input holds beside, and the output doesn't: other streams, chapters.
        interval: frames from one detection to the next, at most, by `every` and, at the input's
            frame rate, by `max_gap_s`.
        hold_back_frames: the most that came after a frame before it left the analysis.
        effects: how many times, frame by frame, an object of a class was hidden by each kind of
            effect: `auto` is solid for what can be read and for what is small.
        passed_over: in a command's first run, which of its inputs gave no output.
    """

    versions: dict[str, str]
    redacted: bool
    settings: BlurSettings
    model: ModelPart
    input: VideoPart
    output: str
    encoder: str
    complete: bool
    frames: FramesPart
    left_out: tuple[str, ...]
    repairs: RepairsPart
    keyframes: int
    interval: int
    hold_back_frames: int
    whole_frame_covers: dict[str, int]
    effects: dict[str, dict[str, int]]
    tracks: tuple[TrackPart, ...]
    stages: tuple[StagePart, ...]
    bottleneck: str
    wall_s: float
    fps: float
    real_time_factor: float | None
    passed_over: tuple[PassedOverPart, ...] = ()


def versions_here() -> dict[str, str]:
    """Of Python and of what does the work; it takes 0.015 s, which no run need wait for."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 most of that

    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def with_passed_over(report: RunReport, passed_over: Iterable[tuple[Path, str]]) -> RunReport:
    """The report of a command's first run: paths that gave no output, and why, included."""
    parts = tuple(PassedOverPart(path=str(path), reason=reason) for path, reason in passed_over)
    return report.model_copy(update={"passed_over": parts})


def report_of(
    pipeline: Pipeline[ShownT],
    journal: RunJournal,
    bundle: Bundle,
    ran: Chosen | None,
    settings: BlurSettings,
    source: Source,
    paths: tuple[Path, Path],
    encoder: str,
    versions: Mapping[str, str],
    redacted: bool,
) -> RunReport:
    """Sum up a run that has ended.

    Args:
        ran: the bundle's network; None where a detector of another kind ran.
        paths: input and output.
        encoder: what encoded the output.
        versions: as `versions_here` gives them.
        redacted: whether covers were hidden, and not drawn.
    """
    info = source.info
    stages = tuple(_stage(clock, pipeline) for clock in pipeline.clocks)
    written = pipeline.clocks[-1].frames
    fps = written / pipeline.wall_s
    manifest = bundle.manifest
    return RunReport(
        versions=dict(versions),
        redacted=redacted,
        settings=settings,
        model=ModelPart(
            name=manifest.name,
            version=manifest.version,
            family=manifest.family,
            digest=bundle.digest,
            signed_by=bundle.signed_by,
            precision=ran and ran.precision,
            sha256=ran and ran.sha256,
            runtime=ran and ran.runtime,
            reason=ran and ran.reason,
            candidates=tuple(each.line for each in ran.candidates) if ran else (),
        ),
        input=VideoPart(
            path=str(paths[0]),
            width=info.width,
            height=info.height,
            codec=info.codec,
            pixel_format=info.pixel_format,
            frame_rate=None if info.frame_rate is None else float(info.frame_rate),
            decoder=info.decoder,
            copied_s=round(source.copied_s, 3),
            notes=info.notes,
        ),
        output=str(paths[1]),
        encoder=encoder,
        complete=not pipeline.cancelled,
        frames=FramesPart(
            read=pipeline.frames_in,
            written=written,
            damaged=source.damaged,
            deinterlaced=source.deinterlaced,
            resized=source.resized,
        ),
        left_out=source.left_out,
        repairs=RepairsPart(**asdict(source.repairs)),
        keyframes=len(journal.keyframes),
        interval=interval_of(settings, info.frame_rate),
        hold_back_frames=pipeline.most_held_back,
        whole_frame_covers=journal.whole_reasons(),
        effects={label: dict(kinds) for label, kinds in journal.effects.items()},
        tracks=tuple(
            TrackPart(number=t.number, label=t.label, first=t.first, last=t.last)
            for t in journal.tracks.values()
        ),
        stages=stages,
        bottleneck=max(stages, key=lambda stage: stage.load).name,
        wall_s=round(pipeline.wall_s, 3),
        fps=round(fps, 2),
        real_time_factor=round(fps / float(info.frame_rate), 3) if info.frame_rate else None,
    )


def _stage(clock: StageClock, pipeline: Pipeline[ShownT]) -> StagePart:
    threads = pipeline.workers if clock.name == pipeline.detect_clock.name else 1
    return StagePart(
        name=clock.name,
        threads=threads,
        frames=clock.frames,
        busy_s=round(clock.busy_s, 3),
        wait_in_s=round(clock.wait_in_s, 3),
        wait_out_s=round(clock.wait_out_s, 3),
        load=round(clock.busy_s / threads / pipeline.wall_s, 3),
    )
