"""StreamSession: one run of a stream, from its camera or file to where it is recorded."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from agent.config.strength import is_weaker
from agent.hidden import hidden_classes
from agent.pipeline.window_journal import WindowJournal
from agent.service.counts import Counts
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


@final
class StreamSession:
    """A stream's source, open, and what becomes of its frames.

    Where the source goes on with pictures of another size, so does the session: with a new sink,
    and an analysis that begins anew, which covers what it has not looked at.

    Args:
        name: the stream's.

    Raises:
        InputError: the source can't be opened.
        UsageError: the bundle doesn't know a class that is to be hidden.
    """

    def __init__(self, name: str, config: StreamConfig, around: Surroundings) -> None:
        self._name, self._config, self._around = name, config, around
        self._hidden = hidden_classes(around.model.bundle, config.hide)
        self._lock = threading.Lock()
        self._cancelled = False
        self._past = Counts()
        self._weaker: Redactor | None = None
        self._source = open_source(name, config.source, around.secrets)
        try:
            self._prepare()
        except BaseException:
            self._source.close()
            raise

    @property
    def last_in_s(self) -> float | None:
        """See `Session`."""
        return self._stream.pipeline.last_in_s

    @property
    def last_out_s(self) -> float | None:
        """See `Session`."""
        return self._stream.pipeline.last_out_s

    def run(self) -> None:
        """See `Session`."""
        try:
            while True:
                with self._sink:
                    self._stream.run()
                following = None if self._cancelled else self._source.successor()
                if following is None:
                    return
                with self._lock:
                    self._past, self._source = self.counts(), following
                    self._prepare()
                    if self._cancelled:
                        self._stream.pipeline.cancel()
        finally:
            self._source.close()

    def cancel(self) -> None:
        """See `Session`."""
        with self._lock:
            self._cancelled = True
            self._stream.pipeline.cancel()

    def counts(self) -> Counts:
        """See `Session`."""
        pipeline, journal = self._stream.pipeline, self._journal
        return self._past + Counts(
            pipeline.frames_in,
            pipeline.frames_out,
            pipeline.dropped,
            self._source.damaged,
            journal.keyframes,
            journal.objects,
            Counter(journal.whole),
            Counter(pipeline.stage_s()),
        )

    def queues(self) -> Mapping[str, int]:
        """See `Session`."""
        return self._stream.pipeline.queues

    def adjust(self, config: StreamConfig) -> None:
        """Hide and look as another configuration says, from the next frame on.

        A weaker effect waits for the next segment: no file shows more than it did at its start.

        Raises:
            UsageError: the bundle doesn't know a class that is to be hidden.
        """
        hidden = hidden_classes(self._around.model.bundle, config.hide)
        with self._lock:
            old, self._config = self._config, config
            self._stream.set_every(config.look.every)
            self._stream.set_margin(config.hide.margin)
            if hidden != self._hidden:
                self._hidden = hidden
                self._stream.set_hidden(hidden)
            if config.hide.effect == old.hide.effect:
                return
            redactor = self._redactor()
            if self._records and is_weaker(config.hide.effect, old.hide.effect):
                self._weaker = redactor
            else:
                self._weaker = None
                self._stream.set_redactor(redactor.redact)

    @property
    def _records(self) -> bool:
        return self._config.sink.record and self._config.sink.file is None

    def _prepare(self) -> None:
        """Get ready for the frames of the source as it is now."""
        self._journal = WindowJournal()
        self._sink = self._opened_sink()
        around = self._around
        self._stream = Stream(
            self._source,
            around.model.pool.lane(self._name),
            self._hidden,
            self._config.hide,
            self._config.look,
            self._redactor().redact,
            self._sink,
            self._journal,
            lambda _shown, _cover: None,
            keep_newest=is_live(self._around.secrets.fill(self._config.source.url)),
        )

    def _redactor(self) -> Redactor:
        return redactor_of(self._source, self._config.hide)

    def _opened_sink(self) -> EncodingSink[RedactedFrame] | NoSink:
        info, sink = self._source.info, self._config.sink
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
                self._stream.set_redactor(self._weaker.redact)
                self._weaker = None
