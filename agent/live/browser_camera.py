"""BrowserCamera: a browser's own camera, redacted, for itself and whoever else watches."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, final

from agent.errors import AgentError, InputError
from agent.live.heartbeat import Gap
from agent.live.numbers import Numbers
from agent.live.show import Key, Pause, Resume, Seek, ShowState
from agent.live.showing import Showing
from agent.video.fanout import Fanout
from agent.video.pushed import PushedSource
from agent.video.pushed_packets import LEAST_STEP_US, PushedPackets
from models.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agent.live.capacity import Capacity
    from agent.live.show import Answers, CameraHello, Command, Condition
    from agent.live.showing import Analysis
    from agent.video.live_source import Stretch

_log = logging.getLogger(__name__)

STALE_S = 3.0
"""A camera that sends nothing for so long is stale. Chosen: design of live display."""
_AGAIN_S = 0.5
"""After a fault, before it is tried anew. Chosen, not measured."""
_JOIN_S = 1.0
"""What `close` may take. Its thread ends by itself if it takes longer."""


@final
class BrowserCamera:
    """See `agent.live.show.Camera` and `Show`; works on threads of its own until `close`.

    Where its pictures change their size it goes on with another stream, and after a fault with
    the next key. Nothing is shown before the first result.

    Args:
        name: by which it is shown, and by which its lanes' hangs are counted.
        ended: called once all is let go of.
        now: a monotonic clock, seconds.
    """

    def __init__(
        self,
        name: str,
        hello: CameraHello,
        answers: Answers,
        analysis: Analysis,
        capacity: Capacity,
        ended: Callable[[], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.fanout = Fanout(now=now, is_told=True)
        self._answers, self._analysis, self._ended, self._now = answers, analysis, ended, now
        self._numbers = Numbers()
        self._showing = Showing(
            name, analysis, capacity, self.fanout, self._numbers, Gap(LEAST_STEP_US), now
        )
        self._packets = PushedPackets(hello.codec, self, now=now)
        self._closing = threading.Event()
        self._paused = False
        self._fault: tuple[str, float] | None = None
        self._why_closed = ""
        self._came_s: float | None = None
        self._dropped = 0
        self._thread = threading.Thread(target=self._work, name=f"live {name}", daemon=True)
        self._thread.start()

    @property
    def show(self) -> BrowserCamera:
        """What comes out of it: itself."""
        return self

    def push(self, number: int, time_us: int, is_key: bool, data: bytes) -> None:  # noqa: ARG002
        """See `Camera`; whether it is a key is told by the picture itself."""
        if self._paused:
            self.dropped([number], "paused")
            return
        self._came_s = self._now()
        self._numbers.came(number, self._came_s)
        try:
            self._packets.push(number, time_us, data)
        except InputError as error:
            self._fail(str(error))
            self.dropped([number], str(error))

    def number_of(self, pts: int) -> int:
        """See `Camera`."""
        return self._numbers.of(pts)

    def set_every(self, every: int) -> None:
        """Have the detector look at each so many-th frame, or more, from the next one on."""
        self._showing.set_every(every)

    def close(self, why: str) -> None:
        """See `Camera`."""
        self._why_closed = self._why_closed or why
        self._closing.set()
        self._packets.close()
        self._showing.leave()
        self._thread.join(_JOIN_S)

    def state(self) -> ShowState:
        """See `Show`."""
        now_s = self._now()
        figures, analysis = self._showing.tally.figures(now_s), self._analysis
        latency = analysis.looking.latency_of(live=True)
        state, why = self._condition(now_s, figures.last_picture_s)
        delays_s = figures.delay_s_p50, figures.delay_s_p95
        p50, p95 = (None if each is None else 1000 * each for each in delays_s)
        return ShowState(
            state=state,
            why=why or figures.whole,
            fps=figures.fps,
            delay_ms_p50=p50,
            delay_ms_p95=p95,
            every=self._showing.every,
            latency=latency,
            hold_back_frames=analysis.hold_back_frames,
            dropped=self._dropped + self._showing.dropped,
            whole_share=figures.whole_share,
            seekable=False,
            position_s=None,
            duration_s=None,
            last_picture_s=figures.last_picture_s,
        )

    def do(self, command: Command) -> str | None:
        """See `Show`."""
        match command:
            case Pause():
                self._paused = True
            case Resume():
                if self._paused:
                    self._packets.skip_to_key("paused")
                    self._paused = False
            case Key():
                self.fanout.want_key()
            case Seek():
                return "a camera is not seekable"
            case _:
                return "a camera shows what it sees now: pause and resume it"
        return None

    def taken(self, number: int) -> None:
        """See `agent.video.pushed_packets.Listener`."""
        self._answers.taken(number)

    def dropped(self, numbers: Iterable[int], why: str) -> None:
        """Likewise."""
        gone = list(numbers)
        self._dropped += len(gone)
        self._answers.dropped(gone, why)

    def want_key(self) -> None:
        """Likewise."""
        self._answers.want_key()

    def _condition(
        self, now_s: float, last_picture_s: float | None
    ) -> tuple[Condition, str | None]:
        if self._closing.is_set():
            return "ended", self._why_closed
        if self._paused:
            return "paused", None
        if (fault := self._fault) is not None:
            why, at_s = fault
            if last_picture_s is None or now_s - last_picture_s <= at_s:
                return "reconnecting", why
        if self._came_s is not None and now_s - self._came_s > STALE_S:
            return "stale", f"the browser sent nothing for {now_s - self._came_s:.0f} s"
        if last_picture_s is None:
            return "connecting", None
        return "live", None

    def _fail(self, why: str) -> None:
        self._fault = why, self._now()

    def _work(self) -> None:
        try:
            while not self._closing.is_set():
                self._run()
        finally:
            self.fanout.close(self._why_closed)
            self._ended()

    def _run(self) -> None:
        """Show what comes, until a fault or the end."""
        try:
            self._follow()
        except (AgentError, ModelError) as error:
            self._fail(str(error))
        except Exception as error:  # noqa: BLE001 whatever it was, other cameras go on
            _log.exception("a fault of ours", extra={"stream": self.name})
            self._fail(f"a fault of ours ({type(error).__name__})")
        if not self._closing.wait(_AGAIN_S):
            self._packets.skip_to_key("a fault")

    def _follow(self) -> None:
        following: Stretch | None = PushedSource(self._packets, self._numbers.given)
        while following is not None:
            source = following
            try:
                self._showing.run(source, self.fanout)
                following = source.successor()
            finally:
                source.close()
