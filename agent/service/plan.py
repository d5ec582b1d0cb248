"""Plan: what a supervisor has to keep going, and what a session of it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.service.counts import Counts
    from agent.service.latest_frame import LatestFrame


class Session(Protocol):
    """One run of a stream, opened and not yet running.

    Attributes:
        last_in_s: when the source gave a frame, on the supervisor's clock; None before the first.
        last_out_s: when the sink took one.
        latest: that one.
        held_back: frames that waited in the analysis when it last let some go.
    """

    @property
    def last_in_s(self) -> float | None: ...  # noqa: D102

    @property
    def last_out_s(self) -> float | None: ...  # noqa: D102

    @property
    def latest(self) -> LatestFrame: ...  # noqa: D102

    @property
    def held_back(self) -> int: ...  # noqa: D102

    def run(self) -> None:
        """Run until the source has ended, or `cancel` was called.

        Raises:
            AgentError: it can't go on.
        """
        ...

    def cancel(self) -> None:
        """Take no more frames, from any thread; those under way are finished and written."""
        ...

    def counts(self) -> Counts:
        """What it did so far."""
        ...

    def queues(self) -> Mapping[str, int]:
        """Frames that wait, by the stage that they wait for."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What a supervisor has to keep going.

    Attributes:
        open_session: may block for as long as a source may take to open.
        is_there: whether it is worth trying; asked only while the source is away.
        stall_s: without a frame for so long a running stream is stalled.
        paused: there are no sessions, until there is another plan.
    """

    open_session: Callable[[], Session]
    is_there: Callable[[], bool]
    stall_s: float
    paused: bool = False
