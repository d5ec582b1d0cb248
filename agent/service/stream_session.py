"""StreamSession: one run of a stream, from its camera or file to where it is recorded."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from agent.config.strength import is_weaker
from agent.pipeline.window_journal import WindowJournal
from agent.service.counts import Counts
from agent.service.latest_frame import LatestFrame
from agent.service.source import is_live, open_source
from agent.stream import Stream, redactor_of
from agent.video.encoder import VideoEncoder
from agent.video.encoding_sink import EncodingSink
from agent.video.kept_file import KeptFile
from agent.video.no_sink import NoSink

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.config.secrets import Secrets
    from agent.config.tree import StreamConfig
    from agent.frames.ports import Redactor
    from agent.frames.redacted import RedactedFrame
    from agent.service.model import Model
    from agent.service.recorder import Recorder
    from agent.service.source import ContinuedSource
    from agent.video.segments_output import SegmentsOutput


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the sessions of all streams share.

    Attributes:
        encoder_threads: of each stream's encoder.
    """

    model: Model
    recorder: Recorder
    secrets: Secrets
    encoder_threads: int


@dataclass(frozen=True, slots=True)
class _Stretch:
    """What runs for as long as the source's pictures keep their size.

    Attributes:
        past: what the stretches before did.
    """

    source: ContinuedSource
    sink: EncodingSink[RedactedFrame] | NoSink
    stream: Stream[RedactedFrame]
    journal: WindowJournal
    latest: LatestFrame
    past: Counts

    def counts(self) -> Counts:
        """What it did so far, with those before."""
        pipeline, journal = self.stream.pipeline, self.journal
        return self.past + Counts(
            pipeline.frames_in,
            pipeline.frames_out,
            pipeline.dropped,
            self.source.damaged,
            journal.keyframes,
            Counter(journal.labels),
            Counter(journal.whole),
            Counter(pipeline.stage_s()),
        )


@final
class StreamSession:
    """A stream's source, open, and what becomes of its frames.

    Where the source goes on with pictures of another size, so does the session: with a new sink,
    and an analysis that begins anew, which covers what it has not looked at.

    Args:
        name: the stream's.

    Raises:
        InputError: the source can't be opened.
        OutputError: what it is recorded into can't be.
        UsageError: the bundle doesn't know a class that is to be hidden.
    """

    def __init__(self, name: str, config: StreamConfig, around: Surroundings) -> None:
        self._name, self._config, self._around = name, config, around
        self._hidden = around.model.hidden(config.hide)
        self._lock = threading.Lock()
        self._cancelled = False
        self._weaker: Redactor | None = None
        self._effect: str = config.hide.effect
        url = around.secrets.fill(config.source.url)
        self._is_live = is_live(url)
        source = open_source(name, url, config.source)
        try:
            self._now = self._prepared(source, Counts())
        except BaseException:
            source.close()
            raise

    @property
    def last_in_s(self) -> float | None:
        """See `Session`."""
        return self._now.stream.pipeline.last_in_s

    @property
    def last_out_s(self) -> float | None:
        """See `Session`."""
        return self._now.stream.pipeline.last_out_s

    @property
    def latest(self) -> LatestFrame:
        """See `Session`."""
        return self._now.latest

    def run(self) -> None:
        """See `Session`."""
        following: ContinuedSource | None = self._now.source
        try:
            while following is not None:
                with self._now.sink:
                    self._now.stream.run()
                following = None if self._cancelled else self._now.source.successor()
                if following is not None:
                    self._go_on(following)
        finally:
            self._now.source.close()

    def cancel(self) -> None:
        """See `Session`."""
        with self._lock:
            self._cancelled = True
            self._now.stream.pipeline.cancel()

    def counts(self) -> Counts:
        """See `Session`."""
        return self._now.counts()

    def queues(self) -> Mapping[str, int]:
        """See `Session`."""
        return self._now.stream.pipeline.queues

    def adjust(self, config: StreamConfig) -> None:
        """Hide and look as another configuration says, from the next frame on.

        A weaker effect waits for the next segment: no file shows more than it did at its start.

        Raises:
            UsageError: the bundle doesn't know a class that is to be hidden.
        """
        hidden = self._around.model.hidden(config.hide)
        with self._lock:
            old, self._config = self._config, config
            stream = self._now.stream
            stream.set_every(config.look.every)
            stream.set_margin(config.hide.margin)
            if hidden != self._hidden:
                self._hidden = hidden
                stream.set_hidden(hidden)
            if config.hide.effect != old.hide.effect:
                self._hide_by(config.hide.effect)

    def _hide_by(self, effect: str) -> None:
        redactor = redactor_of(self._now.source, self._config.hide)
        if self._records and is_weaker(effect, self._effect):
            self._weaker = redactor
            return
        self._weaker, self._effect = None, effect
        self._now.stream.set_redactor(redactor.redact)

    @property
    def _records(self) -> bool:
        return self._config.sink.record and self._config.sink.file is None

    def _go_on(self, source: ContinuedSource) -> None:
        with self._lock:
            try:
                self._now = self._prepared(source, self.counts())
            except BaseException:
                source.close()
                raise
            if self._cancelled:
                self._now.stream.pipeline.cancel()

    def _prepared(self, source: ContinuedSource, past: Counts) -> _Stretch:
        """Ready for the frames of a source as it is now."""
        hide = self._config.hide
        self._weaker, self._effect = None, hide.effect
        journal, latest = WindowJournal(), LatestFrame(source.info)
        sink = self._opened_sink(source)
        stream = Stream(
            source,
            self._around.model.pool.lane(self._name),
            self._hidden,
            hide,
            self._config.look,
            redactor_of(source, hide).redact,
            sink,
            journal,
            latest.note,
            keep_newest=self._is_live,
        )
        return _Stretch(source, sink, stream, journal, latest, past)

    def _opened_sink(self, source: ContinuedSource) -> EncodingSink[RedactedFrame] | NoSink:
        info, sink = source.info, self._config.sink
        output: KeptFile | SegmentsOutput
        if sink.file is not None:
            output = KeptFile(sink.file)
        elif sink.record:
            output = self._around.recorder.output(self._name, self._begun_segment)
        else:
            return NoSink()
        encoder = VideoEncoder(
            info,
            codec=sink.codec,
            crf=sink.crf,
            preset=sink.preset,
            threads=self._around.encoder_threads,
            clock=output.clock(info),
            gop_s=sink.gop_s,
        )
        return EncodingSink(encoder, output)

    def _begun_segment(self) -> None:
        """Called on the encoder's thread."""
        with self._lock:
            if self._weaker is not None:
                self._effect = self._config.hide.effect
                self._now.stream.set_redactor(self._weaker.redact)
                self._weaker = None
