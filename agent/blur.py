"""Redact one video: what `sfumato blur` does, as a function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.detect.pool import DetectorPool, NetworkDetector
from agent.errors import InputError, OutputError, UsageError
from agent.output_file import check_output_file
from agent.pipeline.analyst import Analyst, Rhythm
from agent.pipeline.pipeline import Pipeline
from agent.redact.annotate import Annotator
from agent.redact.effect import Effect
from agent.redact.redactor import Redactor
from agent.run_report import Report, report_of
from agent.track.tracker import Tracker
from agent.video.encoder import VideoEncoder
from agent.video.encoding_sink import EncodingSink
from agent.video.file_output import FileOutput
from agent.video.file_source import FileSource
from models.classes import choose
from models.decode import decoder_for
from models.errors import UnknownClassError
from models.runtime.onnxruntime import network_of

if TYPE_CHECKING:
    from pathlib import Path

    from agent.detect.pool import Detector
    from agent.frames.cover import Cover
    from agent.frames.redacted import RedactedFrame
    from agent.frames.stream_info import StreamInfo
    from agent.settings import BlurSettings
    from models.bundle import Bundle
    from models.classes import ClassSpec

WEAK_SHARE = 0.4
"""A detection that scores this share of what a new track needs can still carry one on."""

AUTO_MARGIN = 0.008
"""Growth, share of the longer side, for which `auto` covers as well as looking at every second
frame does, with less than half of the detections (measured on DAVIS-2016)."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """What is hidden, and from which score on.

    Attributes:
        labels: names by class id.
        scores: least score of a new track by class id.
    """

    labels: dict[int, str]
    scores: dict[int, float]

    @property
    def weakest(self) -> float:
        """Detections that score no more than this are of no use."""
        return WEAK_SHARE * min(self.scores.values())


def hidden_classes(bundle: Bundle, settings: BlurSettings) -> Hidden:
    """Which of a bundle's classes the settings ask to hide.

    Raises:
        UsageError: the bundle does not know a class; the nearest is named.
    """
    known = bundle.manifest.classes
    try:
        chosen: tuple[ClassSpec, ...] = (
            choose(settings.classes, known) if settings.classes else known
        )
    except UnknownClassError as error:
        raise UsageError(str(error)) from error
    return Hidden(
        {spec.id: spec.name for spec in chosen},
        {spec.id: settings.conf or bundle.manifest.threshold(spec.name) for spec in chosen},
    )


class Watcher:
    """Looks on while a video is redacted; every method may stay as it is."""

    def started(self, info: StreamInfo, pipeline: Pipeline) -> None:
        """The input is open and the pipeline is about to run; it can be cancelled and paused."""

    def wrote(self, frame: RedactedFrame, cover: Cover) -> None:
        """A frame was written. Called on the encoder's thread."""


def detector_of(bundle: Bundle, hidden: Hidden) -> NetworkDetector:
    """The bundle's network on this machine.

    Raises:
        ModelError: the network can't be loaded, or contradicts the manifest.
    """
    return NetworkDetector(
        network_of(bundle),
        decoder_for(bundle.manifest),
        bundle.manifest.input,
        hidden.weakest,
    )


def blur(
    source: Path,
    target: Path,
    bundle: Bundle,
    settings: BlurSettings,
    *,
    watcher: Watcher | None = None,
    detector: Detector | None = None,
) -> Report:
    """Hide the chosen classes in a video.

    The target gets its name only when it is whole: at the end of the input, or where the
    watcher cancelled. Whatever else happens leaves what was there before untouched.

    Args:
        detector: another detector than the bundle's network; it must know the same classes.

    Raises:
        UsageError: a setting does not fit the bundle.
        InputError: the source can't be read.
        OutputError: the target can't be written.
        PipelineError: redaction could not go on.
        ModelError: the network can't be loaded.
    """
    watcher = watcher or Watcher()
    hidden = hidden_classes(bundle, settings)
    check_paths(source, target)
    pool = DetectorPool(
        detector or detector_of(bundle, hidden), settings.workers, settings.detect_timeout_s
    )
    try:
        with FileSource(source) as video:
            return _run(video, (source, target), bundle, settings, hidden, pool, watcher)
    finally:
        pool.close()


def check_paths(source: Path, target: Path) -> None:
    """Refuse what can't go well, before anything is opened.

    Raises:
        InputError: there is no such file.
        OutputError: the target is the source, or its folder is missing.
    """
    try:
        if not source.exists():
            raise InputError(f"{source}: no such file")
    except OSError as error:  # a name too long, a folder that must not be looked into
        raise InputError(f"{source}: {error.strerror}") from error
    check_output_file(target)
    if target.exists() and source.samefile(target):
        raise OutputError(f"{target} is the input; give the output another name")


def _run(
    video: FileSource,
    paths: tuple[Path, Path],
    bundle: Bundle,
    settings: BlurSettings,
    hidden: Hidden,
    pool: DetectorPool,
    watcher: Watcher,
) -> Report:
    info = video.info
    size = info.width, info.height
    rhythm = Rhythm(
        every=settings.max_every if settings.every == "auto" else settings.every,
        adaptive=settings.every == "auto",
        look_ahead=settings.latency == "normal",
    )
    tracker = Tracker(tuple(hidden.labels), hidden.scores)
    margin = settings.margin + (AUTO_MARGIN if rhythm.adaptive else 0.0)
    analyst = Analyst(pool, tracker, rhythm, size, hidden.labels, margin)
    redactor = (
        Annotator(size, i_know_this_is_not_redacted=True)
        if settings.annotate
        else Redactor(size, Effect.parse(settings.effect), settings.shape)
    )
    source, target = paths
    sound = source if settings.audio == "copy" and info.has_audio else None
    with EncodingSink(
        VideoEncoder(info, codec=settings.codec, crf=settings.crf, preset=settings.preset),
        FileOutput(target, audio_from=sound),
    ) as sink:
        pipeline = Pipeline(video, analyst, redactor, sink, watcher.wrote)
        watcher.started(info, pipeline)
        pipeline.run()
    return report_of(pipeline, bundle, settings, info, paths, video.damaged)
