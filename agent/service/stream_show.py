"""StreamShow: one stream of a service, for those who watch it."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, final

from agent.live.show import Key, ShowState
from agent.pipeline.rhythm import MOST_OPEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.live.controls import Controls
    from agent.live.show import Command, Condition
    from agent.live.view import View
    from agent.settings import Looking
    from agent.telemetry.status import State, StreamStatus
    from agent.video.fanout import Fanout

STALE_S = 3.0
"""Without a picture for so long, a stream is stale. Chosen: design of live display."""
_FOLDERS = re.compile(r"/(?:[^/:\n]+/)+")
"""Of a path in a reason: files of the device are none of a viewer's business, but what they are called."""

_CONDITIONS: dict[State, Condition] = {
    "starting": "connecting",
    "running": "live",
    "stalled": "stale",
    "reconnecting": "reconnecting",
    "paused": "paused",
    "ended": "ended",
    "failed": "ended",
}


@final
class StreamShow:
    """See `agent.live.show.Show`.

    Args:
        name: the stream's.
        status: how it is; None while there is no such stream.
        looking: how often the detector looks now.
        is_live: whether its source can't be told to wait.
        duration_s: of its file.
        told: what is left of a reason for those who watch: it may name files of this machine.
        now: a monotonic clock, seconds.
    """

    def __init__(
        self,
        name: str,
        view: View,
        status: Callable[[], StreamStatus | None],
        looking: Callable[[], Looking],
        controls: Controls,
        *,
        is_live: bool,
        duration_s: Callable[[], float | None] = lambda: None,
        told: Callable[[str], str] = str,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._view, self._status, self._looking = name, view, status, looking
        self._controls, self._is_live = controls, is_live
        self._duration_s, self._told, self._now = duration_s, told, now

    @property
    def name(self) -> str:
        """The stream's."""
        return self._name

    @property
    def fanout(self) -> Fanout:
        """See `Show`."""
        return self._view.fanout

    def state(self) -> ShowState:
        """See `Show`."""
        figures, status = self._view.tally.figures(self._now()), self._status()
        condition, why = self._condition(status, figures.last_picture_s)
        looking, at_s = self._looking(), self._view.at_s
        every = looking.max_every if looking.every == "auto" else looking.every
        latency = looking.latency_of(live=self._is_live)
        delays_s = figures.delay_s_p50, figures.delay_s_p95
        p50, p95 = (None if each is None else 1000 * each for each in delays_s)
        return ShowState(
            state=condition,
            why=why or figures.whole,
            fps=figures.fps,
            delay_ms_p50=p50,
            delay_ms_p95=p95,
            every=every,
            latency=latency,
            hold_back_frames=0 if latency == "low" else 2 * every + MOST_OPEN,
            dropped=0 if status is None else status.dropped,
            whole_share=figures.whole_share,
            seekable=self._controls.seekable,
            position_s=None if at_s is None else self._controls.position_s(at_s),
            duration_s=self._duration_s(),
            last_picture_s=figures.last_picture_s,
        )

    def do(self, command: Command) -> str | None:
        """See `Show`."""
        if isinstance(command, Key):
            self._view.fanout.want_key()
            return None
        return self._controls.do(command)

    def _condition(
        self, status: StreamStatus | None, last_picture_s: float | None
    ) -> tuple[Condition, str | None]:
        if status is None:
            return "ended", "the stream is no more"
        condition = _CONDITIONS[status.state]
        if self._controls.paused and condition in ("live", "stale"):  # what rests gives no frame
            return "paused", None
        if condition == "live":
            if last_picture_s is None:
                return "connecting", None
            if last_picture_s > STALE_S:
                return "stale", f"no picture for {last_picture_s:.0f} s"
        return condition, _FOLDERS.sub("", status.reason) or None
