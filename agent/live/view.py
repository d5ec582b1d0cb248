"""View: a stream of a service as those who watch it see it, over all its sessions."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, final

from agent.live.heartbeat import Gap, Heartbeat
from agent.live.objects import objects_of
from agent.live.tally import Tally
from agent.video.fanout import Fanout

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agent.frames.cover import Cover
    from agent.frames.ports import Output
    from agent.frames.redacted import RedactedFrame
    from agent.frames.stream_info import StreamInfo
    from agent.pipeline.pipeline import Pipeline
    from agent.pipeline.sink import Sink
    from agent.video.push import PushOutput

_BEATS_A_PICTURE = 10
"""Times of pictures of nothing lie within a tenth of the way to the next real one."""
_USUAL_RATE = 25


@final
class View:
    """Is told of each picture of a stream, and tells who watches.

    Args:
        pushes: where its packets go as well.
        now: a monotonic clock, seconds.

    Attributes:
        fanout: by which its packets get to who watches.
        pushes: those.
        tally: of the real pictures that went out.
        rests: somebody paused the stream: no picture is due.
    """

    def __init__(
        self, pushes: Sequence[PushOutput] = (), now: Callable[[], float] = time.monotonic
    ) -> None:
        self._now = now
        self.fanout, self.pushes = Fanout(now=now, is_told=True), tuple(pushes)
        self.tally = Tally()
        self._shown = threading.Condition()
        self._at_s: float | None = None
        self.rests = False

    @property
    def outputs(self) -> tuple[Output, ...]:
        """What gets each packet; none of them fails or waits."""
        return (self.fanout, *self.pushes)

    def wants_key(self) -> bool:
        """Whether the next picture shall be a key, for whomever; for the encoder."""
        wanted = self.fanout.wants_key()
        for push in self.pushes:
            wanted |= push.wants_key()  # each is asked: it says so once
        return wanted

    def close(self, reason: str) -> None:
        """No picture follows, ever."""
        self.fanout.close(reason)
        for push in self.pushes:
            push.close()

    def beating(
        self,
        sink: Sink[RedactedFrame],
        info: StreamInfo,
        pipeline: Callable[[], Pipeline[RedactedFrame]],
    ) -> Heartbeat:
        """A sink before a session's, which says so while its pictures are late.

        Times begin anew with each of these.
        """
        self._at_s = None
        interval = 1 / (float(info.frame_rate or _USUAL_RATE) * float(info.time_base))
        return Heartbeat(
            sink,
            info,
            lambda frame, cover: pipeline().show(frame, cover),
            lambda: None if self.rests else pipeline().lateness(),
            self._tell,
            Gap(int(interval / _BEATS_A_PICTURE), is_open=False),
            self._now,
        )

    def note(self, frame: RedactedFrame, cover: Cover, delay_s: float | None) -> None:
        """A session's sink took a frame.

        Args:
            delay_s: since its source gave it.
        """
        self.tally.shown(self._now(), delay_s, frame.whole)
        self._tell(frame, cover)
        with self._shown:
            self._at_s = float(frame.pts * frame.time_base)
            self._shown.notify_all()

    @property
    def at_s(self) -> float | None:
        """The time of the session's last real picture, by its own clock; None before the first."""
        return self._at_s

    def wait_for(self, at_s: float, most_s: float) -> bool:
        """Wait until a real picture of such a time or later was shown; whether one was."""
        with self._shown:
            return self._shown.wait_for(
                lambda: self._at_s is not None and self._at_s >= at_s, most_s
            )

    def _tell(self, frame: RedactedFrame, cover: Cover) -> None:
        self.fanout.say(str(objects_of(frame, cover, 0)))
