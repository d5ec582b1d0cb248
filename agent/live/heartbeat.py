"""Heartbeat: pictures that say that there is none, so that a frozen view can be told from a dead one."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, final

import numpy as np

from agent.frames.cover import Cover
from agent.frames.cpu_frame import CpuFrame

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from agent.frames.frame import Frame
    from agent.frames.redacted import RedactedFrame
    from agent.frames.stream_info import StreamInfo
    from agent.pipeline.sink import Sink

_log = logging.getLogger(__name__)

LATE_S = 0.5
"""Without a picture for so long, one that covers all follows. Chosen: design of live display."""
BEAT_S = 0.4
"""From one of these to the next: two a second and a little more."""
_LOOK_S = 0.05
"""How often to look. Chosen, not measured."""
_GREY = 128


@final
class Gap:
    """Times for beats, behind the last real picture; outlives the sinks that these go to.

    Args:
        most: ticks from one real picture to the next, at least; fewer beats fit in between.
        is_open: the first picture, too, comes so many ticks behind 0; else it may come at 0, and
            there is no room before it.
    """

    def __init__(self, most: int, *, is_open: bool = True) -> None:
        self._most, self._is_open = most, is_open
        self._pts = self._beats = 0

    def note(self, pts: int) -> None:
        """A real picture was written."""
        self._pts, self._beats, self._is_open = pts, 0, True

    def next_pts(self) -> int | None:
        """The time of the next beat; None where there is no room for one."""
        if not self._is_open or self._beats + 1 >= self._most:
            return None
        self._beats += 1
        return self._pts + self._beats


@final
class Heartbeat:
    """A sink before another; writes pictures of nothing, covered whole, while real ones are late.

    Args:
        sink: takes all pictures, one thread at a time.
        info: of the stream.
        redact: covers a frame whole.
        why: why the next picture is late, in a word; None where none is due.
        watch: called after each of these was written.
        gap: gives these their times.
        now: a monotonic clock, seconds.
    """

    def __init__(
        self,
        sink: Sink[RedactedFrame],
        info: StreamInfo,
        redact: Callable[[Frame, Cover], RedactedFrame],
        why: Callable[[], str | None],
        watch: Callable[[RedactedFrame, Cover], None],
        gap: Gap,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sink, self._redact, self._why, self._watch = sink, redact, why, watch
        self._info, self._gap, self._now = info, gap, now
        self._lock = threading.Lock()
        self._due_s = now() + LATE_S
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def write(self, frame: RedactedFrame) -> None:
        """Take the next real picture.

        Raises:
            OutputError: the sink can't.
        """
        with self._lock:
            self._sink.write(frame)
            self._gap.note(frame.pts)
            self._due_s = self._now() + LATE_S

    def finish(self) -> None:
        """No more pictures, of either kind."""
        self._over.set()
        with self._lock:
            self._sink.finish()

    def beat(self) -> bool:
        """Write a picture that says that there is none, if one is due; whether it was."""
        why, now_s = self._why(), self._now()
        if why is None:  # a picture that comes after a pause is not late at once
            self._due_s = max(self._due_s, now_s + LATE_S)
        if now_s < self._due_s or why is None or not self._lock.acquire(blocking=False):
            return False  # or a real one is being written
        try:
            if self._over.is_set() or self._now() < self._due_s:
                return False
            self._due_s = self._now() + BEAT_S
            pts = self._gap.next_pts()
            if pts is None:
                return False
            cover = Cover.all_of_it(why)
            shown = self._redact(self._nothing(pts), cover)
            self._sink.write(shown)
            self._watch(shown, cover)
        finally:
            self._lock.release()
        return True

    def _nothing(self, pts: int) -> Frame:
        """A grey frame."""
        width, height = self._info.width, self._info.height
        half = (height + 1) // 2, (width + 1) // 2
        planes = tuple(np.full(size, _GREY, np.uint8) for size in ((height, width), half, half))
        return CpuFrame(planes, 0, pts, self._info.time_base, self._info.colour)

    def _work(self) -> None:
        has_failed = False
        while not self._over.wait(_LOOK_S):
            try:
                self.beat()
            except Exception:  # noqa: BLE001 what ails the sink is told to who writes real pictures
                if not has_failed:
                    _log.exception("a late picture could not be told of")
                has_failed = True
