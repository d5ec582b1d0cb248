"""Redact one video, or draw what would be hidden in it: `sfumato blur` as functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.detect.detector import NetworkDetector
from agent.detect.pool import DetectorPool
from agent.hidden import hidden_classes
from agent.output_file import check_paths
from agent.pipeline.run_journal import RunJournal
from agent.redact.annotator import Annotator
from agent.run_report import report_of
from agent.stream import Stream, redactor_of
from agent.video.encoder import VideoSink
from agent.video.file_source import VideoSource
from models.decode import decoder_for
from models.runtime.choose import choose_network

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agent.detect.detector import Detector
    from agent.frames.annotated import AnnotatedFrame
    from agent.frames.cover import Cover
    from agent.frames.frame import Frame
    from agent.frames.redacted import RedactedFrame
    from agent.frames.stream_info import StreamInfo
    from agent.hidden import Hidden
    from agent.pipeline.pipeline import Pipeline, ShownT
    from agent.run_report import RunReport
    from agent.settings import BlurSettings
    from models.bundle import Bundle


class Watcher:
    """Looks on while a video is redacted; every method may stay as it is."""

    def started(self, info: StreamInfo, pipeline: Pipeline[ShownT], journal: RunJournal) -> None:
        """The input is open and the pipeline is about to run; it can be cancelled and paused."""

    def wrote(self, frame: RedactedFrame | AnnotatedFrame, cover: Cover) -> None:
        """A frame was written. Called on the encoder's thread."""


def detector_of(bundle: Bundle, hidden: Hidden) -> NetworkDetector:
    """The bundle's network on this machine.

    Raises:
        ModelError: the network can't be loaded, or contradicts the manifest.
    """
    return NetworkDetector(
        choose_network(bundle),
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
) -> RunReport:
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

    def redacting(video: VideoSource) -> Callable[[Frame, Cover], RedactedFrame]:
        return redactor_of(video, settings).redact

    return _run(source, target, bundle, settings, redacting, watcher, detector, redacted=True)


def annotate(
    source: Path,
    target: Path,
    bundle: Bundle,
    settings: BlurSettings,
    *,
    i_know_this_is_not_redacted: bool = False,
    watcher: Watcher | None = None,
    detector: Detector | None = None,
) -> RunReport:
    """Draw labelled boxes where `blur` would hide: the output is NOT redacted, it is for tuning.

    Raises:
        UsageError: the caller does not say that it knows; else what `blur` raises.
    """

    def annotating(video: VideoSource) -> Callable[[Frame, Cover], AnnotatedFrame]:
        size = video.info.width, video.info.height
        return Annotator(size, i_know_this_is_not_redacted=i_know_this_is_not_redacted).annotate

    return _run(source, target, bundle, settings, annotating, watcher, detector, redacted=False)


def _run(
    source: Path,
    target: Path,
    bundle: Bundle,
    settings: BlurSettings,
    show_of: Callable[[VideoSource], Callable[[Frame, Cover], ShownT]],
    watcher: Watcher | None,
    detector: Detector | None,
    *,
    redacted: bool,
) -> RunReport:
    watcher = watcher or Watcher()
    hidden = hidden_classes(bundle, settings)
    check_paths(source, target)
    detector = detector or detector_of(bundle, hidden)
    ran = detector.chosen if isinstance(detector, NetworkDetector) else None
    pool = DetectorPool(detector, settings.workers, settings.detect_timeout_s)
    journal = RunJournal()
    try:
        with VideoSource(source) as video:
            show = show_of(video)
            with VideoSink(
                target,
                video.info,
                codec=settings.codec,
                crf=settings.crf,
                preset=settings.preset,
                audio_from=source if settings.audio == "copy" and video.info.has_audio else None,
            ) as sink:
                stream = Stream(
                    video,
                    pool.lane(source.name),
                    hidden,
                    settings,
                    show,
                    sink,
                    journal,
                    watcher.wrote,
                )
                watcher.started(video.info, stream.pipeline, journal)
                stream.pipeline.run()
            return report_of(
                stream.pipeline, journal, bundle, ran, settings, video, (source, target), redacted
            )
    finally:
        pool.close()
