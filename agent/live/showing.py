"""Showing: what a browser's camera does with its sources: look, hide, encode, tell."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, final

from agent.live.heartbeat import Heartbeat
from agent.live.objects import objects_of
from agent.live.tally import Tally
from agent.pipeline.rhythm import MOST_OPEN
from agent.pipeline.window_journal import WindowJournal
from agent.stream import Stream, redactor_of
from agent.video.encoder import VideoEncoder
from agent.video.encoding_sink import EncodingSink

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.detect.lane import Lane
    from agent.frames.cover import Cover
    from agent.frames.ports import Encoder, Output, Source
    from agent.frames.redacted import RedactedFrame
    from agent.frames.stream_info import StreamInfo
    from agent.hidden import Hidden
    from agent.live.capacity import Capacity
    from agent.live.heartbeat import Gap
    from agent.live.numbers import Numbers
    from agent.settings import Hiding, Looking
    from agent.video.fanout import Fanout

_USUAL_FPS = 30

PRESET, CRF = "ultrafast", 26
"""0.85 ms of a core and 0.9 Mbit/s at 30 pictures of 360p a second; superfast takes 1.5 ms and 0.7."""


def live_encoder(info: StreamInfo, wants_key: Callable[[], bool]) -> Encoder[RedactedFrame]:
    """FFmpeg's, as it suits pictures that are watched at once.

    Raises:
        OutputError: when it is missing.
    """
    return VideoEncoder(info, crf=CRF, preset=PRESET, threads=1, wants_key=wants_key)


@dataclass(frozen=True, slots=True)
class Analysis:
    """How live pictures are looked at, what is hidden in them, and what encodes them.

    Attributes:
        lane: opens one of the detector that all streams share, by a stream's name.
        encoder: makes one for a stream, which asks before each picture whether it shall be a key.
    """

    lane: Callable[[str], Lane]
    hidden: Hidden
    hiding: Hiding
    looking: Looking
    encoder: Callable[[StreamInfo, Callable[[], bool]], Encoder[RedactedFrame]] = live_encoder

    @property
    def every(self) -> int:
        """The detector sees each so many-th frame, or more."""
        every = self.looking.every
        return self.looking.max_every if every == "auto" else every

    @property
    def crowded_every(self) -> int:
        """Likewise, where many share it: as seldom as the longest interval lets it."""
        return max(self.every, round(self.looking.max_gap_s * _USUAL_FPS))

    @property
    def hold_back_frames(self) -> int:
        """How many frames one waits for, at most and however many share, beside one detection."""
        latency = self.looking.latency_of(live=True)
        return 0 if latency == "low" else 2 * self.crowded_every + MOST_OPEN


@final
class Showing:
    """Shows live sources whose senders hold back by `agent.live.ledger`.

    Nothing is shown before the first result of each.

    Args:
        name: the stream's, by which its lanes' hangs are counted.
        capacity: is told of each real picture that went out.
        fanout: where each picture is told of, and keys are asked for.
        numbers: of the pictures, by their times.
        gap: times for pictures of nothing, over all sources.
        now: a monotonic clock, seconds.

    Attributes:
        every: the detector sees each so many-th frame, or more.
        tally: of the real pictures that went out.
    """

    def __init__(
        self,
        name: str,
        analysis: Analysis,
        capacity: Capacity,
        fanout: Fanout,
        numbers: Numbers,
        gap: Gap,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._analysis, self._fanout = name, analysis, fanout
        self._numbers, self._gap, self._now, self._capacity = numbers, gap, now, capacity
        self.every, self.tally = analysis.every, Tally()
        self._lock = threading.Lock()
        self._stream: Stream[RedactedFrame] | None = None
        self._past_dropped = 0
        self._looked_s = 0.0
        self._left = False

    @property
    def dropped(self) -> int:
        """Frames so far that were not analysed, because there was no time for them."""
        with self._lock:
            now = 0 if self._stream is None else self._stream.pipeline.dropped
            return self._past_dropped + now

    def run(self, source: Source, output: Output) -> None:
        """Show a source to its end, or until `leave`.

        Raises:
            AgentError: whatever a stage failed with.
        """
        analysis, info = self._analysis, source.info
        encoder = analysis.encoder(info, self._fanout.wants_key)
        redact = redactor_of(source, analysis.hiding).redact
        sink = EncodingSink(encoder, output)
        beating = Heartbeat(sink, info, redact, self._why_late, self._tell, self._gap, self._now)
        with sink, beating:
            lane, self._looked_s = analysis.lane(self._name), 0.0
            stream = Stream(
                source,
                lane,
                analysis.hidden,
                analysis.hiding,
                analysis.looking,
                redact,
                beating,
                WindowJournal(),
                partial(self._note, lane),
                keep_newest=True,
                holds_back=True,
                now=self._now,
            )
            with self._lock:
                self._stream = stream
                if self.every != analysis.every:
                    stream.set_every(self.every)
                if self._left:
                    stream.leave()
            try:
                stream.run()
            finally:
                with self._lock:
                    self._past_dropped += stream.pipeline.dropped
                    self._stream = None

    def set_every(self, every: int) -> None:
        """Look more or less often, from the next frame on; from any thread."""
        with self._lock:
            changes, self.every = every != self.every, every
            if changes and self._stream is not None:
                self._stream.set_every(every)

    def leave(self) -> None:
        """End soon, from any thread, and for good; waits for no detection."""
        with self._lock:
            self._left = True
            if self._stream is not None:
                self._stream.leave()

    def _why_late(self) -> str | None:
        stream = self._stream
        return None if stream is None else stream.pipeline.lateness()

    def _note(self, lane: Lane, frame: RedactedFrame, cover: Cover) -> None:
        """A frame went out."""
        before_s, self._looked_s = self._looked_s, lane.clock.busy_s
        self._capacity.shown(self._name, (self._looked_s - before_s) / lane.workers)
        now_s, came_s = self._now(), self._numbers.came_s(frame.pts)
        self.tally.shown(now_s, None if came_s is None else now_s - came_s, frame.whole)
        self._tell(frame, cover)

    def _tell(self, frame: RedactedFrame, cover: Cover) -> None:
        self._fanout.say(str(objects_of(frame, cover, self._numbers.of(frame.pts))))
