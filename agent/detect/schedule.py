"""Schedule: which ticket is detected next, which are being detected, and which take too long.

Starts no threads; every method may be called from any.

Lanes are served in turn: of those with open tickets, the one whose last turn is longest ago. A
new lane counts as served when it was opened, so that between two turns of a lane that always
wants more no other has two, however much it asks for and however often it is opened again.
Inside a lane the lowest frame index comes first.
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


@dataclass(slots=True, eq=False)
class LaneQueue:
    """The open tickets of one lane.

    Attributes:
        turn: grows with each turn; the lane with the lowest has waited longest.
        clock: what its detections took, over all workers, and how long these waited for them.
        tickets: a heap of frame index, number, ticket.
    """

    name: str
    turn: int
    clock: StageClock = field(default_factory=lambda: StageClock("detect"))
    tickets: list[tuple[int, int, Ticket]] = field(default_factory=list)

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

    def open(self, name: str) -> LaneQueue:
        """A new lane, behind all others."""
        with self._changed:
            lane = LaneQueue(name, next(self._numbers))
            if not self._closed:
                self._lanes.append(lane)
            return lane

    def put(self, lane: LaneQueue, frame: Frame) -> Ticket:
        """Hand in a frame; settled at once where nobody will look at it."""
        ticket = Ticket(frame)
        with self._changed:
            if lane not in self._lanes:
                ticket.settle(CLOSED)
            elif self._hangs.reached(lane.name, self.now()):
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
            lane = min((q for q in self._lanes if q.tickets), key=lambda q: q.turn)
            lane.turn = next(self._numbers)
            job = Job(heapq.heappop(lane.tickets)[2], lane, self.now())
            lane.clock.wait_in_s += job.began_s - idle_s
            self._running.add(job)
            return job

    def finish(self, job: Job, result: Result) -> bool:
        """Settle a ticket; False where it was written off, and the result is not believed."""
        with self._changed:
            if job not in self._running:
                self.hung -= 1
                return False
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

        Of any lane, for a ticket may be stuck behind one that nobody waits for yet. A lane that
        reaches its limit by it loses its open tickets.
        """
        with self._changed:
            now_s = self.now()
            late = [job for job in self._running if job.began_s + self._timeout_s <= now_s]
            for job in late:
                self._end(job, TIMED_OUT)
                self._hangs.note(job.lane.name, job.began_s + self._timeout_s)
            for lane in self._lanes:
                if self._hangs.reached(lane.name, now_s):
                    lane.drop(TIMED_OUT)
            self.hung += len(late)
            return len(late)

    def hangs_lately(self) -> int:
        """Detections of all lanes that hung within the window of `agent.detect.hang_limit`."""
        with self._changed:
            return self._hangs.lately(self.now())

    def close_lane(self, lane: LaneQueue) -> None:
        """Drop a lane's open tickets and take no more of it."""
        with self._changed:
            if lane in self._lanes:
                self._lanes.remove(lane)
            lane.drop(CLOSED)

    def close(self) -> None:
        """Close all lanes and end every worker as soon as it is idle."""
        with self._changed:
            for lane in self._lanes:
                lane.drop(CLOSED)
            self._lanes.clear()
            self._closed = True
            self._changed.notify_all()

    def _end(self, job: Job, result: Result) -> None:
        self._running.remove(job)
        job.lane.clock.busy_s += self.now() - job.began_s
        job.lane.clock.frames += 1
        job.ticket.settle(result)
