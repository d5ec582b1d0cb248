"""Schedule: which ticket is detected next, which are being detected, and which take too long.

Starts no threads; every method may be called from any.

The earliest deadline comes first, and only one ticket of a lane is in line for that: its deadline
counts from when it was handed in, but not from before the lane's last turn. So lanes of one kind are
served in turn: while a lane waits no other of its kind has two, however much it asks for and however
often it is opened again, for a new lane counts as served when it was opened. Inside a lane the
lowest frame index comes first.

Late is not hung: a result that comes after a live lane's deadline is counted and used.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.detect.hang_limit import HangLimit
from agent.detect.ticket import CLOSED, TIMED_OUT, Result, Ticket
from agent.stage_clock import StageClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.frames.frame import Frame

LIVE_DEADLINE_S = 0.25
"""Seconds from handing in to the result, for a live stream; later is late. Chosen, not measured: more
than the 0.17 from one look to the next, so that a detector that keeps up is never late."""

USUAL_DEADLINE_S = 1.0
"""Likewise for a file, which can wait. Chosen, not measured: cameras go first, but what waits for
longer than they ever should is next all the same."""


@dataclass(slots=True, eq=False)
class LaneQueue:
    """The open tickets of one lane.

    Attributes:
        live: its deadline is `LIVE_DEADLINE_S`, and what is late is counted.
        served_s: when its last turn was, or when it was opened.
        turn: grows with each turn; of lanes due at once the lowest is first.
        clock: what its detections took, over all workers, and how long these waited for them.
        tickets: a heap of frame index, number, ticket.
    """

    name: str
    live: bool
    served_s: float
    turn: int
    clock: StageClock = field(default_factory=lambda: StageClock("detect"))
    tickets: list[tuple[int, int, Ticket]] = field(default_factory=list)

    @property
    def deadline_s(self) -> float:
        """Seconds that a ticket may take."""
        return LIVE_DEADLINE_S if self.live else USUAL_DEADLINE_S

    @property
    def due(self) -> tuple[float, int]:
        """Lowest for the lane to be served next; it has an open ticket."""
        return max(self.served_s, self.tickets[0][2].asked_s) + self.deadline_s, self.turn

    def drop(self, result: Result) -> None:
        """Settle all that are open."""
        for *_, ticket in self.tickets:
            ticket.settle(result)
        self.tickets.clear()


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A ticket that a worker has."""

    ticket: Ticket
    lane: LaneQueue
    began_s: float


class Schedule:
    """What lanes hand in and workers take.

    Args:
        timeout_s: a detection that takes longer hangs.
        now: a monotonic clock, seconds.

    Attributes:
        hung: detections that were written off and have not come back.
    """

    def __init__(self, timeout_s: float, now: Callable[[], float]) -> None:
        self._timeout_s, self.now = timeout_s, now
        self._changed = threading.Condition()
        self._numbers = itertools.count()
        self._lanes: list[LaneQueue] = []
        self._running: set[Job] = set()
        self._hangs = HangLimit()
        self._closed = False
        self.hung = 0

    @property
    def lanes(self) -> int:
        """Those that are open."""
        with self._changed:
            return len(self._lanes)

    def open(self, name: str, *, live: bool = False) -> LaneQueue:
        """A new lane, behind all others of its kind."""
        with self._changed:
            lane = LaneQueue(name, live, self.now(), next(self._numbers))
            if not self._closed:
                self._lanes.append(lane)
            return lane

    def put(self, lane: LaneQueue, frame: Frame) -> Ticket:
        """Hand in a frame; settled at once where nobody will look at it."""
        ticket = Ticket(frame, self.now())
        with self._changed:
            if lane not in self._lanes:
                ticket.settle(CLOSED)
            elif self._is_suspended(lane, self.now()):
                ticket.settle(TIMED_OUT)
            else:
                heapq.heappush(lane.tickets, (frame.index, next(self._numbers), ticket))
                self._changed.notify()
        return ticket

    def take(self) -> Job | None:
        """Wait for the next ticket; None once the schedule is closed."""
        with self._changed:
            idle_s = self.now()
            self._changed.wait_for(lambda: self._closed or any(q.tickets for q in self._lanes))
            if self._closed:
                return None
            lane = min((q for q in self._lanes if q.tickets), key=lambda q: q.due)
            job = Job(heapq.heappop(lane.tickets)[2], lane, self.now())
            lane.turn, lane.served_s = next(self._numbers), job.began_s
            lane.clock.wait_in_s += job.began_s - idle_s
            self._running.add(job)
            return job

    def finish(self, job: Job, result: Result) -> bool:
        """Settle a ticket; False where it was written off, and the result is not believed."""
        with self._changed:
            if job not in self._running:
                self.hung -= 1
                return False
            took_s = self.now() - job.ticket.asked_s
            job.lane.clock.late += job.lane.live and took_s > job.lane.deadline_s
            self._end(job, result)
            return True

    def next_deadline_s(self) -> float:
        """Seconds until a detection that runs now hangs, whichever lane it is of."""
        with self._changed:
            now_s = self.now()
            began_s = min((job.began_s for job in self._running), default=now_s)
            return max(0.0, began_s + self._timeout_s - now_s)

    def write_off(self) -> int:
        """Settle detections that hang as timed out; how many workers must be replaced.

        Of any lane, for a ticket may be stuck behind one that nobody waits for yet. A lane that is
        suspended by it loses its open tickets.
        """
        with self._changed:
            now_s = self.now()
            late = [job for job in self._running if job.began_s + self._timeout_s <= now_s]
            for job in late:
                self._end(job, TIMED_OUT)
                self._hangs.note(job.lane.name, job.began_s + self._timeout_s)
            for lane in self._lanes:
                if self._is_suspended(lane, now_s):
                    lane.drop(TIMED_OUT)
            self.hung += len(late)
            return len(late)

    def hangs_lately(self) -> int:
        """Detections of all lanes that hung within the window of `agent.detect.hang_limit`."""
        with self._changed:
            return self._hangs.lately(self.now())

    def close_lane(self, lane: LaneQueue) -> None:
        """Settle a lane's tickets, also what is being detected, and take no more of it."""
        with self._changed:
            if lane in self._lanes:
                self._lanes.remove(lane)
            lane.drop(CLOSED)
            for job in self._running:  # which may hang: nobody shall wait for that to find out
                if job.lane is lane:
                    job.ticket.settle(CLOSED)

    def abandon(self) -> None:
        """Settle whatever is open or under way as closed, and take nothing more; workers end."""
        self.close()
        with self._changed:
            for job in list(self._running):
                self._end(job, CLOSED)
                self.hung += 1

    def close(self) -> None:
        """Close all lanes and end every worker as soon as it is idle."""
        with self._changed:
            for lane in self._lanes:
                lane.drop(CLOSED)
            self._lanes.clear()
            self._closed = True
            self._changed.notify_all()

    def _is_suspended(self, lane: LaneQueue, now_s: float) -> bool:
        suspends = self._hangs.pauses if lane.live else self._hangs.reached
        return suspends(lane.name, now_s)

    def _end(self, job: Job, result: Result) -> None:
        self._running.remove(job)
        job.lane.clock.busy_s += self.now() - job.began_s
        job.lane.clock.frames += 1
        if not job.ticket.done.is_set():  # its lane was closed
            job.ticket.settle(result)
