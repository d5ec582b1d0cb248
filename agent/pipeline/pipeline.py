"""Pipeline: decode, analyse, redact and encode, each on its own thread.

Frames pass by reference through bounded channels. The first stage that fails stops the others,
and its error is the run's. A redaction that fails covers its frame whole; if even that fails,
the run ends.

A live source can't be told to wait, and its read may hang: frames that come too fast push out
older ones, none is held back once no more come, what came before its fault is finished and written,
and `cancel` leaves a read behind that doesn't come back.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Generic

from agent.errors import InputError, PipelineError
from agent.frames.cover import Cover
from agent.pipeline.channel import Channel
from agent.pipeline.run_journal import LoadSample
from agent.pipeline.sink import ShownT
from agent.pipeline.stage_thread import StageThread
from agent.stage_clock import StageClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agent.frames.frame import Frame
    from agent.pipeline.analyst import Analyst
    from agent.pipeline.run_journal import Journal
    from agent.pipeline.sink import Sink

_log = logging.getLogger(__name__)

_CHANNEL_SIZE = 4
_LOAD_EVERY_S = 0.5
_STOP_TIMEOUT_S = 1.0
"""How long a stage may take to finish what it does when the run is torn down."""
_READ_TIMEOUT_S = 0.5
"""How long a live source may still take to give a frame when the run is cancelled. Chosen, not
measured: several frames of a camera that gives ten a second."""
_POLL_S = 0.1
_PATIENCE_S = 2.0
"""How long a live source is waited for at first: what a camera sent while it was being opened comes
all at once, and is no sign of a slow reader. Chosen, not measured: 1.1 s of video is the most that
was seen to come so."""

_ROOM_S = 0.1
"""How long a sender that holds back is made to wait for room: at ten frames a second, the least that a
camera is admitted for, none is decoded in vain. Without it, five cameras of 720p that gave 60 a second
each had 60 % of what they sent decoded and dropped, and 22 shown a second each instead of 26."""


class Pipeline(Generic[ShownT]):
    """One run from a source to a sink.

    Args:
        show: makes of a frame and its cover what the sink takes: `Redactor.redact`.
        journal: is told what happens.
        watch: called after each frame was written, on the encoder's thread.
        keep_newest: the source is live.
        holds_back: whoever sends to it sends no more than is taken, so that it is made to wait,
            though not for long, before a frame is dropped.
        now: a monotonic clock, seconds.

    Attributes:
        show: may be exchanged while it runs, from any thread; the next frame is shown by it.
        last_in_s: when the source last gave a frame, by `now`; None before it did.
        last_out_s: likewise, when the sink last took one.
        delay_s: from the one to the other, of the frame of a live source that the sink took last.
    """

    def __init__(
        self,
        source: Iterable[Frame],
        analyst: Analyst,
        show: Callable[[Frame, Cover], ShownT],
        sink: Sink[ShownT],
        journal: Journal,
        watch: Callable[[ShownT, Cover], None],
        *,
        keep_newest: bool = False,
        holds_back: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source, self._analyst, self.show = source, analyst, show
        self._is_live, self._now = keep_newest, now
        self._sink, self._journal, self._watch = sink, journal, watch
        self._go = threading.Event()
        self._go.set()
        self._cancelled = False
        self._error: BaseException | None = None
        self._fault: InputError | None = None
        self._began = self._sampled = 0.0
        self.wall_s = 0.0
        self.last_in_s: float | None = None
        self.last_out_s: float | None = None
        self.delay_s: float | None = None
        self._came: deque[tuple[int, float]] = deque()
        decode, analyse, redact, encode = (
            StageClock(name) for name in ("decode", "analyse", "redact", "encode")
        )
        self._stages = {
            decode: self._decode,
            analyse: self._analyse,
            redact: self._redact,
            encode: self._encode,
        }
        self._decoded: Channel[Frame] = Channel(
            1 if holds_back else _CHANNEL_SIZE,  # what waits in its sender costs nothing yet
            decode,
            analyse,
            _may_be_dropped if keep_newest else None,
            _PATIENCE_S,
            _ROOM_S if holds_back else 0.0,
            now,
        )
        self._covered: Channel[tuple[Frame, Cover]] = Channel(
            _CHANNEL_SIZE, analyse, redact, now=now
        )
        self._redacted: Channel[tuple[ShownT, Cover]] = Channel(
            _CHANNEL_SIZE, redact, encode, now=now
        )

    def run(self) -> None:
        """Run to the end of the source, or to `cancel`.

        Raises:
            AgentError: whatever a stage failed with.
        """
        self._began = self._now()
        threads = [
            StageThread(clock, stage, self._fail, self._now)
            for clock, stage in self._stages.items()
        ]
        try:
            for thread in threads:
                thread.start()
            self._join(threads[0], stalls=self._is_live)
            self._decoded.close()  # for a decoder that was left behind
            for thread in threads[1:]:
                self._join(thread)
        except BaseException:  # Ctrl-C, or no more threads: who opened source and sink closes them
            self._stop()
            for thread in threads:
                if thread.ident is not None:
                    thread.join(_STOP_TIMEOUT_S)
            raise
        self.wall_s = self._now() - self._began
        if self._error is not None:
            raise self._error
        if self._fault is not None and not self._cancelled:
            raise self._fault

    def _join(self, thread: StageThread, *, stalls: bool = False) -> None:
        """Wait for a stage; once another has failed, only so long: a source may have stalled.

        Args:
            stalls: likewise once the run is cancelled.
        """
        while not thread.over.wait(_POLL_S):
            if self._error is not None:
                thread.join(_STOP_TIMEOUT_S)
                return
            if stalls and self._cancelled:
                thread.join(_READ_TIMEOUT_S)
                return
        thread.join()

    def cancel(self) -> None:
        """Take no more frames; those under way are finished and written.

        A live source that doesn't give the frame that it is asked for is left behind: its thread
        ends when its read returns. Any other is waited for.
        """
        self._cancelled = True
        self._go.set()

    def pause(self) -> None:
        """Take no more frames until `resume`; those under way go on.

        What a live source shows meanwhile is passed over.
        """
        self._go.clear()
        if self._cancelled or self._error is not None:
            self._go.set()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._go.set()

    def lateness(self) -> str | None:
        """Why nothing comes out, where a frame went in after the last that did; in a few words."""
        if self.last_in_s is None:
            return None
        if self.last_out_s is None:
            return "no result yet"
        return "result is late" if self.last_in_s > self.last_out_s else None

    @property
    def clocks(self) -> tuple[StageClock, ...]:
        """One for each stage, in order."""
        decode, *others = self._stages
        return decode, self.detect_clock, *others

    @property
    def detect_clock(self) -> StageClock:
        """The detector's, which sums up `workers` threads, as it is now."""
        return self._analyst.clock

    @property
    def workers(self) -> int:
        """How many detections run at once."""
        return self._analyst.workers

    @property
    def held_back(self) -> int:
        """Frames that waited in the analysis when it last let some go."""
        return self._analyst.held_back

    @property
    def most_held_back(self) -> int:
        """The most that ever did."""
        return self._analyst.most_held_back

    @property
    def frames_in(self) -> int:
        """Frames that the source gave and that were taken."""
        return self._decoded.taken

    @property
    def frames_out(self) -> int:
        """Frames that the sink took."""
        return self.clocks[-1].frames

    @property
    def dropped(self) -> int:
        """Frames of a live source that newer ones pushed out before they were looked at."""
        return self._decoded.dropped

    @property
    def queues(self) -> dict[str, int]:
        """Frames that wait now, by the stage that they wait for."""
        return {
            "analyse": len(self._decoded),
            "detect": self._analyst.waiting,
            "redact": len(self._covered),
            "encode": len(self._redacted),
        }

    def stage_s(self) -> dict[tuple[str, str], float]:
        """Where the time of the run went so far: seconds by stage and `busy`, `wait_in`, `wait_out`.

        A stage's `busy` is what is left of the run; the detector's is summed up over its workers.
        """
        wall_s = self.wall_s or (self._now() - self._began if self._began else 0.0)
        spent = {}
        for clock in self.clocks:
            waits_s = clock.wait_in_s + clock.wait_out_s
            busy_s = max(0.0, wall_s - waits_s) if clock in self._stages else clock.busy_s
            spent[clock.name, "busy"] = busy_s
            spent[clock.name, "wait_in"] = clock.wait_in_s
            spent[clock.name, "wait_out"] = clock.wait_out_s
        return spent

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled

    def _fail(self, error: BaseException) -> None:
        """A stage has ended so: the others end, and `run` raises the first of such errors."""
        self._error = self._error or error
        self._stop()

    def _stop(self) -> None:
        """Stop every stage, whatever it waits for."""
        for channel in (self._decoded, self._covered, self._redacted):
            channel.stop()
        self._go.set()

    def _decode(self, clock: StageClock) -> None:
        began_s, computed_s = self._now(), time.thread_time()
        try:
            for frame in self._source:
                self.last_in_s = self._now()
                if self._is_live:  # what this thread doesn't compute, it waits for the camera
                    busy_s = time.thread_time() - computed_s
                    clock.wait_in_s = self.last_in_s - began_s - clock.wait_out_s - busy_s
                    if not (self._go.is_set() or frame.opens_scene):
                        continue
                    self._came.append((frame.index, self.last_in_s))
                self._decoded.put(frame)
                clock.frames += 1
                del frame
                if not self._is_live:
                    self._go.wait()
                if self._cancelled:
                    break
        except InputError as fault:
            if not self._is_live:
                raise
            self._fault = fault
        self._decoded.close()

    def _analyse(self, clock: StageClock) -> None:
        charged_s = 0.0
        decoded, silence_s = self._decoded, lambda: self._analyst.silence_s
        frames = decoded.or_silence(silence_s) if self._is_live else decoded
        for item in self._analyst.run(frames):
            clock.frames += 1
            clock.wait_in_s += self._analyst.waited_s - charged_s
            charged_s = self._analyst.waited_s
            self._covered.put(item)
            del item
        clock.wait_in_s += self._analyst.waited_s - charged_s
        self._covered.close()

    def _redact(self, clock: StageClock) -> None:
        for frame, cover in self._covered:
            shown = self._shown(frame, cover)
            del frame
            self._journal.note(shown, cover)
            clock.frames += 1
            self._redacted.put((shown, cover))
            del shown, cover
        self._redacted.close()

    def _shown(self, frame: Frame, cover: Cover) -> ShownT:
        try:
            return self.show(frame, cover)
        except Exception:  # noqa: BLE001 - whatever it was, the frame gets covered
            _log.exception("redaction failed at frame %d", frame.index)
        try:
            return self.show(frame, Cover.all_of_it("redaction failed"))
        except Exception as error:
            raise PipelineError(
                f"frame {frame.index} can't be covered, so the run ends here ({error})"
            ) from error

    def _encode(self, clock: StageClock) -> None:
        for frame, cover in self._redacted:
            self._sink.write(frame)
            self.last_out_s = self._now()
            while self._came and self._came[0][0] <= frame.index:  # or were dropped meanwhile
                self.delay_s = self.last_out_s - self._came.popleft()[1]
            clock.frames += 1
            self._watch(frame, cover)
            self._sample(frame.index)
            del frame, cover
        self._sink.finish()

    def _sample(self, index: int) -> None:
        if self._now() - self._sampled < _LOAD_EVERY_S:
            return
        waits_s = {clock.name: clock.wait_in_s + clock.wait_out_s for clock in self._stages}
        detect = self.detect_clock
        detect_s = detect.busy_s / self.workers
        self._sampled = self._now()  # after the clocks were read: none is ahead of it
        wall_s = self._sampled - self._began
        busy_s = {name: wall_s - wait_s for name, wait_s in waits_s.items()}
        busy_s[detect.name] = detect_s
        self._journal.note_load(LoadSample(index, wall_s, busy_s))


def _may_be_dropped(frame: Frame) -> bool:
    """Not the first of a scene: no other says that what was followed so far is gone."""
    return not frame.opens_scene
