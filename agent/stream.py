"""Stream: one source, analysed and made fit to be shown, into one sink.

What `blur` does with a file the service does with a camera; both compose their parts here.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Generic

from agent.cuda.suited import painter_of
from agent.pipeline.analyst import Analyst
from agent.pipeline.pipeline import Pipeline
from agent.pipeline.rhythm import Rhythm
from agent.pipeline.sink import ShownT
from agent.redact.effect import Effect
from agent.redact.redactor import Redactor
from agent.track.tracker import Tracker

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.detect.lane import Lane
    from agent.frames import ports
    from agent.frames.cover import Cover
    from agent.frames.frame import Frame
    from agent.frames.ports import Source
    from agent.hidden import Hidden
    from agent.pipeline.rhythm import Every
    from agent.pipeline.run_journal import Journal
    from agent.pipeline.sink import Sink
    from agent.settings import Hiding, Looking


class Stream(Generic[ShownT]):
    """A source's way into a sink, not yet running.

    Args:
        lane: where its keyframes are detected; closed after the run, as are those that follow it.
        hiding: of it only the margin; `hidden` and `show` say the rest.
        show: makes of a frame and its cover what the sink takes; `redactor_of` for redaction.
        journal: is told what happens: `RunJournal`, or `WindowJournal` for what has no end.
        watch: called after each frame was written, on the encoder's thread.
        keep_newest: the source is live, as `agent.pipeline.pipeline` has it; likewise
            `holds_back` and `now`.

    What is set while it runs holds from the next frame on, and may be set from any thread.

    Attributes:
        pipeline: can be cancelled and paused.
    """

    def __init__(
        self,
        source: Source,
        lane: Lane,
        hidden: Hidden,
        hiding: Hiding,
        looking: Looking,
        show: Callable[[Frame, Cover], ShownT],
        sink: Sink[ShownT],
        journal: Journal,
        watch: Callable[[ShownT, Cover], None],
        *,
        keep_newest: bool = False,
        holds_back: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        latency = looking.latency_of(live=keep_newest)
        self._rhythm = Rhythm(
            looking.every,
            looking.max_every,
            look_ahead=latency != "low",
            prompt=latency == "short",
            max_gap_s=looking.max_gap_s,
            strict=keep_newest and latency != "normal",
        )
        self._analyst = Analyst(
            lane,
            _tracker_of(hidden),
            self._rhythm,
            (source.info.width, source.info.height),
            hidden.labels,
            hiding.margin,
            journal.note_keyframe,
        )
        self.pipeline = Pipeline(
            source,
            self._analyst,
            show,
            sink,
            journal,
            watch,
            keep_newest=keep_newest,
            holds_back=holds_back,
            now=now,
        )

    def run(self) -> None:
        """Run to the end of the source, or until the pipeline is cancelled; once only.

        Raises:
            AgentError: whatever a stage failed with.
        """
        try:
            self.pipeline.run()
        finally:
            self._analyst.close()  # or a stream that is opened again and again would fill the pool

    def leave(self) -> None:
        """End soon, from any thread: no more frames are taken, and no detection is waited for.

        Those under way are covered whole.
        """
        self.pipeline.cancel()
        self._analyst.close()

    def set_every(self, every: Every) -> None:
        """Let the detector look more or less often.

        Raises:
            UsageError: it is neither `auto` nor a whole number from 1 to 30.
        """
        self._rhythm.set_every(every)

    def set_margin(self, margin: float) -> None:
        """Let every cover grow by another share of its object's longer side."""
        self._analyst.margin = margin

    def set_redactor(self, show: Callable[[Frame, Cover], ShownT]) -> None:
        """Hide in another way: by another effect, or another shape."""
        self.pipeline.show = show

    def set_hidden(self, hidden: Hidden) -> None:
        """Hide other classes, or from other scores on.

        The next frame begins a scene: frames before it are covered by what was hidden until now,
        none is covered whole for the change, and track numbers go on.
        """
        self._analyst.look_for(_tracker_of(hidden), hidden.labels)

    def switch(self, lane: Lane, hidden: Hidden) -> None:
        """Look by another model; otherwise as `set_hidden`, and frames before it are its model's.

        Args:
            lane: of that model's detector; the one before is closed once its frames have left.
            hidden: by that model's classes and scores.
        """
        self._analyst.look_for(_tracker_of(hidden), hidden.labels, lane)


def redactor_of(source: Source, hiding: Hiding) -> ports.Redactor:
    """What hides covers in the frames of a source, as the settings ask."""
    size = source.info.width, source.info.height
    return Redactor(size, Effect.parse(hiding.effect), hiding.shape, painter_of)


def _tracker_of(hidden: Hidden) -> Tracker:
    return Tracker(tuple(hidden.labels), hidden.scores, hidden.sure_scores)
