"""StreamSession: one run of a stream, from its camera or file to where it is recorded."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from agent.config.strength import is_weaker
from agent.pipeline.window_journal import WindowJournal
from agent.service.counts import Counts
from agent.service.latest_frame import LatestFrame
from agent.service.session_sink import opened_sink
from agent.service.source import is_live, open_source
from agent.stream import Stream, redactor_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from agent.config.secrets import Secrets
    from agent.config.tree import StreamConfig
    from agent.frames.cover import Cover
    from agent.frames.ports import Redactor
    from agent.frames.redacted import RedactedFrame
    from agent.live.views import Views
    from agent.service.model import AnyModel
    from agent.service.recorder import Recorder
    from agent.service.source import ContinuedSource
    from agent.video.encoding_sink import EncodingSink
    from agent.video.no_sink import NoSink
    from agent.video.verdicts import Verdicts


@dataclass(slots=True)
class Surroundings:
    """What the sessions of all streams share.

    Attributes:
        model: may be exchanged; `StreamSession.follow` has a session go on with it.
        encoder_threads: of each stream's encoder.
        verdicts: which decoders and encoders in hardware passed their trials on this machine.
        views: what those who watch see of each stream; None where nobody can.
    """

    model: AnyModel
    recorder: Recorder
    secrets: Secrets
    encoder_threads: int
    verdicts: Verdicts
    views: Views | None = None


@dataclass(frozen=True, slots=True)
class _Stretch:
    """What runs for as long as the source's pictures keep their size.

    Attributes:
        beating: tells those who watch while no picture comes.
        past: what the stretches before did.
    """

    source: ContinuedSource
    sink: EncodingSink[RedactedFrame] | NoSink
    beating: AbstractContextManager[object]
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
            journal.covers,
            Counter(journal.labels),
            Counter(journal.whole),
            Counter(pipeline.stage_s()),
            pipeline.detect_clock.late,
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
        self._model = around.model
        self._hidden = self._model.hidden(config.hide)
        self._lock = threading.Lock()
        self._cancelled = False
        self._weaker: Redactor | None = None
        self._effect: str = config.hide.effect
        url = around.secrets.fill(config.source.url)
        self._view = None if around.views is None else around.views.view(name)
        playback = None if around.views is None else around.views.playback(name)
        self._is_live = is_live(url) or playback is not None  # which somebody watches as it plays
        source = open_source(name, url, config.source, around.verdicts, self._model.gpu, playback)
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
                with self._now.sink, self._now.beating:
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

    def pause(self, paused: bool) -> None:
        """Have what a camera sees be passed over, or no more."""
        with self._lock:
            pipeline = self._now.stream.pipeline
            (pipeline.pause if paused else pipeline.resume)()

    def counts(self) -> Counts:
        """See `Session`."""
        return self._now.counts()

    def queues(self) -> Mapping[str, int]:
        """See `Session`."""
        return self._now.stream.pipeline.queues

    @property
    def held_back(self) -> int:
        """See `Session`."""
        return self._now.stream.pipeline.held_back

    def adjust(self, config: StreamConfig) -> None:
        """Hide and look as another configuration says, from the next frame on.

        A weaker effect waits for the next segment: no file shows more than it did at its start.

        Raises:
            UsageError: the bundle doesn't know a class that is to be hidden.
        """
        hidden = self._model.hidden(config.hide)
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

    def follow(self) -> bool:
        """Go on with the model that there is now, from the next frame on.

        Returns:
            whether it can: frames may lie where that model doesn't look, and then the session has to
            begin anew.

        Raises:
            UsageError: its bundle doesn't know a class that is to be hidden.
        """
        with self._lock:
            model = self._around.model
            if model is self._model:
                return True
            if model.gpu is not self._model.gpu:
                return False
            self._hidden = model.hidden(self._config.hide)
            self._model = model
            lane = model.lane(self._name, live=self._is_live)
            self._now.stream.switch(lane, self._hidden)
            return True

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
        view = self._view
        sink = opened_sink(
            self._name, source.info, self._config.sink, self._around, view, self._begun_segment
        )
        beating = None if view is None else view.beating(sink, source.info, lambda: stream.pipeline)

        def note(frame: RedactedFrame, cover: Cover) -> None:
            latest.note(frame, cover)
            if view is not None:
                view.note(frame, cover, stream.pipeline.delay_s)

        stream = Stream(
            source,
            self._model.lane(self._name, live=self._is_live),
            self._hidden,
            hide,
            self._config.look,
            redactor_of(source, hide).redact,
            beating or sink,
            journal,
            note,
            keep_newest=self._is_live,
        )
        if view is not None and view.rests:  # it was paused before this began
            stream.pipeline.pause()
        return _Stretch(source, sink, beating or nullcontext(), stream, journal, latest, past)

    def _begun_segment(self) -> None:
        """Called on the encoder's thread."""
        with self._lock:
            if self._weaker is not None:
                self._effect = self._config.hide.effect
                self._now.stream.set_redactor(self._weaker.redact)
                self._weaker = None
