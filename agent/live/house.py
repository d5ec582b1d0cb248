"""House: what a server of live streams shows, and by which rules; shared by its connections."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.live.counts import Counts
from agent.telemetry.live_metrics import LiveStatus, StreamFigures

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor

    from agent.live.admission import Admission, Limits
    from agent.live.page_files import PageFiles
    from agent.live.show import Cameras, Show

_WELL = ("live", "paused")


@dataclass(frozen=True, slots=True)
class House:
    """For the event loop's thread, but `status`.

    Attributes:
        shows: all streams that anybody may watch now, by name; the first is who names none.
        cameras: opens streams of browsers; None where those are not wanted.
        admission: who may come in.
        limits: what clients may take.
        page: what browsers load.
        opening: where cameras are opened and closed.
        obeying: where commands are obeyed; apart, for one that takes long keeps no place taken.
        counts: what happened so far.
        guests: the shows of cameras that are open.
        inside: connections that are open, by what they are.
    """

    shows: Callable[[], Mapping[str, Show]]
    cameras: Cameras | None
    admission: Admission
    limits: Limits
    page: PageFiles
    opening: Executor
    obeying: Executor
    counts: Counts = field(default_factory=Counts)
    guests: list[Show] = field(default_factory=list)
    inside: set[object] = field(default_factory=set)

    def ailment(self) -> str | None:
        """Why no frames come out of a stream that should; None where all is well."""
        for name, show in self.shows().items():
            state = show.state()
            if state.state not in _WELL:
                return f"{name}: {state.state}" + (f", {state.why}" if state.why else "")
        return None

    def status(self) -> LiveStatus:
        """How it is now, for metrics; from any thread."""
        counts = self.counts
        streams = dict(self.shows()) | {show.name: show for show in list(self.guests)}
        return LiveStatus(
            clients={"watch": counts.watching, "camera": counts.cameras},
            pictures=counts.pictures,
            lost=counts.lost,
            dropped=dict(counts.dropped),
            refused=dict(counts.refused),
            streams={name: _figures(show) for name, show in streams.items()},
        )


def _figures(show: Show) -> StreamFigures:
    state = show.state()
    return StreamFigures(
        state=state.state,
        fps=state.fps,
        delay_s_p50=None if state.delay_ms_p50 is None else state.delay_ms_p50 / 1000,
        delay_s_p95=None if state.delay_ms_p95 is None else state.delay_ms_p95 / 1000,
        hold_back_frames=state.hold_back_frames,
        dropped=state.dropped,
        whole_share=state.whole_share,
        last_picture_s=state.last_picture_s,
    )
