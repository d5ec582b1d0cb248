"""Lane: one client of a detector pool, such as a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.detect.schedule import Schedule
    from agent.detect.ticket import Ticket
    from agent.frames.frame import Frame
    from agent.stage_clock import StageClock


class Lane:
    """Hands frames in and waits for what comes of them, in one thread.

    What goes wrong stays in the lane: a detection of another that hangs or fails changes nothing
    here but the time that one worker is gone.

    Args:
        workers: how many detections run at once, over all lanes.
        replace_hung_workers: called when a detection, of whichever lane, took too long.
        proven: the network is known to be of its family; should it not be, that is a fault like any
            other.
        live: its pictures can't wait, so it goes before lanes that can, and what is late is counted.

    Attributes:
        waited_s: how long the caller of `wait` waited.
    """

    def __init__(
        self,
        schedule: Schedule,
        name: str,
        workers: int,
        replace_hung_workers: Callable[[], None],
        *,
        proven: bool = False,
        live: bool = False,
    ) -> None:
        self._schedule, self._queue = schedule, schedule.open(name, live=live)
        self._replace_hung_workers = replace_hung_workers
        self._proven = proven
        self.workers = workers
        self.waited_s = 0.0

    @property
    def clock(self) -> StageClock:
        """Where the workers' time for this lane went, all of them together, and how often late."""
        return self._queue.clock

    def submit(self, frame: Frame) -> Ticket:
        """Hand in a frame; of those that wait in this lane the earliest is detected first.

        While too many detections of the lane hung lately (`agent.detect.hang_limit`) the ticket
        has timed out already, so that frames are covered and don't pile up.
        """
        return self._schedule.put(self._queue, frame)

    def wait(self, ticket: Ticket) -> Ticket:
        """The ticket once it has a result or a fault.

        Raises:
            FamilyError: this lane's first results show that the network is of another family.
                After a good one it is a fault like any other. What other lanes saw does not
                count: how a stream begins must not depend on its neighbours.
        """
        began_s = self._schedule.now()
        while not ticket.done.wait(self._schedule.next_deadline_s()):
            self._replace_hung_workers()
        self.waited_s += self._schedule.now() - began_s
        if ticket.result.misfit is not None and not self._proven:
            raise ticket.result.misfit
        self._proven = self._proven or ticket.fault is None
        return ticket

    def close(self) -> None:
        """Drop the open tickets; what is handed in from now on is a fault at once."""
        self._schedule.close_lane(self._queue)
