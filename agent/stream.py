"""Stream: one source, analysed and made fit to be shown, into one sink.

What `blur` does with a file the service does with a camera; both compose their parts here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

from agent.pipeline.analyst import Analyst
from agent.pipeline.pipeline import Pipeline, ShownT
from agent.pipeline.rhythm import Rhythm
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
    from agent.pipeline.pipeline import Sink
    from agent.pipeline.rhythm import Every
    from agent.pipeline.run_journal import Journal
    from agent.settings import BlurSettings


class Stream(Generic[ShownT]):
    """A source's way into a sink, not yet running.

    Args:
        lane: where its keyframes are detected; closed after the run.
        show: makes of a frame and its cover what the sink takes; `redactor_of` for redaction.
        journal: is told what happens: `RunJournal`, or `WindowJournal` for what has no end.
        watch: called after each frame was written, on the encoder's thread.

    Attributes:
        pipeline: can be cancelled and paused.
    """

    def __init__(
        self,
        source: Source,
        lane: Lane,
        hidden: Hidden,
        settings: BlurSettings,
        show: Callable[[Frame, Cover], ShownT],
        sink: Sink[ShownT],
        journal: Journal,
        watch: Callable[[ShownT, Cover], None],
    ) -> None:
        self._lane = lane
        self._rhythm = Rhythm(
            settings.every,
            settings.max_every,
            look_ahead=settings.latency == "normal",
            max_gap_s=settings.max_gap_s,
        )
        analyst = Analyst(
            lane,
            Tracker(tuple(hidden.labels), hidden.scores, hidden.sure_scores),
            self._rhythm,
            (source.info.width, source.info.height),
            hidden.labels,
            settings.margin,
            journal.note_keyframe,
        )
        self.pipeline = Pipeline(source, analyst, show, sink, journal, watch)

    def run(self) -> None:
        """Run to the end of the source, or until the pipeline is cancelled; once only.

        Raises:
            AgentError: whatever a stage failed with.
        """
        try:
            self.pipeline.run()
        finally:
            self._lane.close()  # or a stream that is opened again and again would fill the pool

    def set_every(self, every: Every) -> None:
        """Let the detector look more or less often, from the next frame on; from any thread.

        Raises:
            UsageError: it is neither `auto` nor a whole number from 1 to 30.
        """
        self._rhythm.set_every(every)


def redactor_of(source: Source, settings: BlurSettings) -> ports.Redactor:
    """What hides covers in the frames of a source, as the settings ask."""
    size = source.info.width, source.info.height
    return Redactor(size, Effect.parse(settings.effect), settings.shape)
