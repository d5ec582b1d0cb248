"""Redact one video, or draw what would be hidden in it: `sfumato blur` as functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.ahead import Ahead
from agent.cuda.suited import detector_for
from agent.detect.detector import NetworkDetector
from agent.detect.pool import DetectorPool
from agent.encoder_threads import AS_ENCODER_LIKES, encoder_threads
from agent.hidden import hidden_classes
from agent.output_file import check_paths, sweep_around
from agent.pipeline.run_journal import RunJournal
from agent.redact.annotator import Annotator
from agent.redact.effect import Effect
from agent.run_report import report_of, versions_here
from agent.stream import Stream, redactor_of
from agent.video.driver import is_usual
from agent.video.encoder import VideoEncoder
from agent.video.encoding_sink import EncodingSink
from agent.video.file_output import FileOutput
from agent.video.file_source import FileSource
from agent.video.verdicts import Verdicts
from models.feeding import Feedings
from models.input_size import suited
from models.runtime.choose import choose_network

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from agent.detect.detector import Detector
    from agent.frames.annotated import AnnotatedFrame
    from agent.frames.cover import Cover
    from agent.frames.frame import Frame
    from agent.frames.redacted import RedactedFrame
    from agent.frames.stream_info import StreamInfo
    from agent.pipeline.pipeline import Pipeline
    from agent.pipeline.sink import ShownT, Sink
    from agent.run_report import RunReport
    from agent.settings import BlurSettings, Hiding
    from agent.video.coder import Coder
    from agent.video.decoders import Decoders
    from agent.video.output_clock import OutputClock
    from models.bundle import Bundle
    from models.runtime.choose import Chosen
    from models.runtime.gpu import Gpu

    _Parts = tuple[Callable[[Frame, Cover], ShownT], AbstractContextManager[Sink[ShownT]], str]
    """What is shown of a frame, where it goes, and what encodes it."""


class Watcher:
    """Looks on while a video is redacted; every method may stay as it is."""

    def started(self, info: StreamInfo, pipeline: Pipeline[ShownT], journal: RunJournal) -> None:
        """The input is open and the pipeline is about to run; it can be cancelled and paused."""

    def wrote(self, frame: RedactedFrame | AnnotatedFrame, cover: Cover) -> None:
        """A frame was written. Called on the encoder's thread."""


def detector_of(bundle: Bundle, settings: Hiding, chosen: Chosen | None = None) -> NetworkDetector:
    """A network of the bundle, on frames.

    Args:
        chosen: the network; None for what suits this machine best, remembered by nobody.

    Raises:
        UsageError: the bundle does not know a class that is to be hidden.
        ModelError: no network can be loaded, or sees what it should.
    """
    chosen = chosen or choose_network(bundle)
    hidden = hidden_classes(bundle, settings, chosen.precision)
    return detector_for(chosen, Feedings.of(bundle.manifest), hidden.weakest, hidden.sought)


def blur(
    source: Path,
    target: Path,
    bundle: Bundle,
    settings: BlurSettings,
    *,
    overwrite: bool = False,
    watcher: Watcher | None = None,
    detector: Detector | Ahead[Detector] | None = None,
    trials: Path | None = None,
) -> RunReport:
    """Hide the chosen classes in a video.

    The target gets its name only when it is whole: at the end of the input, or where the
    watcher cancelled. Whatever else happens leaves what was there before untouched. This process
    is left as it is: whether a core dump of it may hold frames is its own business (`sfumato`
    forbids dumps, see `agent/cli/process.py`).

    Args:
        overwrite: replace a target that exists.
        detector: another detector than the bundle's network, perhaps one that is still loading;
            it must know the same classes.
        trials: a file that remembers which decoders and encoders in hardware passed their trials.

    Raises:
        UsageError: a setting does not fit the bundle.
        InputError: the source can't be read.
        OutputError: the target exists, or can't be written.
        PipelineError: redaction could not go on.
        ModelError: the network can't be loaded.
    """

    def parts(video: FileSource, threads: int) -> _Parts[RedactedFrame]:
        output = FileOutput(target, sound=video.sound, overwrite=overwrite)
        clock = output.clock(video.info)
        encoder = VideoEncoder(
            video.info,
            codec=settings.codec,
            crf=settings.crf,
            preset=settings.preset,
            threads=threads,
            clock=clock,
            coder=_coder(settings, video.info, clock, trials),
        )
        return redactor_of(video, settings).redact, EncodingSink(encoder, output), encoder.coder

    paths = source, target
    return _run(paths, overwrite, bundle, settings, parts, watcher, detector, trials, redacted=True)


def annotate(
    source: Path,
    target: Path,
    bundle: Bundle,
    settings: BlurSettings,
    *,
    i_know_this_is_not_redacted: bool = False,
    overwrite: bool = False,
    watcher: Watcher | None = None,
    detector: Detector | Ahead[Detector] | None = None,
    trials: Path | None = None,
) -> RunReport:
    """Draw labelled boxes where `blur` would hide: the output is NOT redacted, it is for tuning.

    Raises:
        UsageError: the caller does not say that it knows; else what `blur` raises.
    """

    def parts(video: FileSource, threads: int) -> _Parts[AnnotatedFrame]:
        size = video.info.width, video.info.height
        annotator = Annotator(size, i_know_this_is_not_redacted=i_know_this_is_not_redacted)
        output = FileOutput(target, sound=video.sound, overwrite=overwrite, annotated=True)
        clock = output.clock(video.info)
        encoder = VideoEncoder(
            video.info,
            codec=settings.codec,
            crf=settings.crf,
            preset=settings.preset,
            threads=threads,
            clock=clock,
            annotated=True,
            coder=_coder(settings, video.info, clock, trials),
        )
        return annotator.annotate, EncodingSink(encoder, output), encoder.coder

    paths = source, target
    return _run(
        paths, overwrite, bundle, settings, parts, watcher, detector, trials, redacted=False
    )


def _run(
    paths: tuple[Path, Path],
    overwrite: bool,
    bundle: Bundle,
    settings: BlurSettings,
    parts: Callable[[FileSource, int], _Parts[ShownT]],
    watcher: Watcher | None,
    detector: Detector | Ahead[Detector] | None,
    trials: Path | None,
    *,
    redacted: bool,
) -> RunReport:
    watcher = watcher or Watcher()
    journal = RunJournal(Effect.parse(settings.effect) if redacted else None)
    hidden_classes(bundle, settings)  # first: no network need be loaded to refuse a class
    check_paths(*paths, overwrite=overwrite)
    sweep_around(paths[1:])
    if isinstance(detector, Ahead):
        loading = detector
    else:
        loading = Ahead(lambda: detector or detector_of(bundle, settings))
    with loading:
        with loading.beside():
            source = FileSource(
                paths[0],
                decoders=_decoders(settings, trials, lambda: _gpu_of(loading.result())),
                sound=settings.audio == "copy",
            )
        with source as video:
            loaded = loading.result()
            ran = loaded.chosen if isinstance(loaded, NetworkDetector) else None
            hidden = hidden_classes(bundle, settings, ran.precision if ran else None)
            pool = DetectorPool(loaded, settings.workers, settings.detect_timeout_s)
            try:
                threads = _encoder_threads(bundle, ran, settings, video.info)
                show, opened, coder = parts(video, threads)
                with opened as sink:
                    lane = pool.lane(paths[0].name)
                    stream = Stream(
                        video, lane, hidden, settings, settings, show, sink, journal, watcher.wrote
                    )
                    watcher.started(video.info, stream.pipeline, journal)
                    with Ahead(versions_here) as versions:
                        stream.run()
                return report_of(
                    stream.pipeline,
                    journal,
                    bundle,
                    ran,
                    settings,
                    video,
                    paths,
                    coder,
                    versions.result(),
                    redacted,
                )
            finally:
                pool.close()


def _gpu_of(detector: Detector) -> Gpu | None:
    return detector.gpu if isinstance(detector, NetworkDetector) else None


def _decoders(
    settings: BlurSettings, trials: Path | None, gpu: Callable[[], Gpu | None]
) -> Decoders | None:
    if settings.decoder in ("auto", "pyav"):  # of files, the same
        return None
    from agent.video.decoders import Decoders  # noqa: PLC0415 see `is_usual`

    return Decoders(settings.decoder, Verdicts(trials), gpu)


def _coder(
    settings: BlurSettings, info: StreamInfo, clock: OutputClock, trials: Path | None
) -> Coder | None:
    if is_usual(settings.encoder):
        return None
    from agent.video.encoders import Encoders  # noqa: PLC0415 see `is_usual`

    encoders = Encoders(settings.encoder, Verdicts(trials))
    return encoders.coder_for(info, clock.time_base, settings.codec, settings.crf)


def _encoder_threads(
    bundle: Bundle, ran: Chosen | None, settings: BlurSettings, info: StreamInfo
) -> int:
    if ran is None:
        return AS_ENCODER_LIKES
    manifest = bundle.manifest
    fed = suited(manifest.inputs(), (info.width, info.height))
    network = ran.precision, manifest.files[ran.precision]
    return encoder_threads(settings, info, network, fed)
