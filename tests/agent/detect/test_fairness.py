"""Streams that share a pool get equal shares of it, whatever their loads.

No test here waits for time to pass: detections are let go one by one.
"""

from collections import Counter

import numpy as np
import pytest
from worlds import HandClock, grey_frame

from agent.detect.schedule import Schedule
from agent.detect.ticket import Result


class Stream:
    """Always has `ahead` frames in line.

    Args:
        restarts: whether it is opened again, from frame 0 on, after so many detections.
    """

    def __init__(self, pool, number, *, ahead, index=0, step=1, restarts=None):
        self._pool, self._number, self._ahead = pool, number, ahead
        self._index, self._step, self._restarts = index, step, restarts
        self._lane, self._open = pool.lane(f"stream {number}"), []
        self.detected = 0

    def go_on(self):
        """Take in what was detected, and hand in as many frames."""
        before = len(self._open)
        self._open = [ticket for ticket in self._open if not ticket.done.is_set()]
        self.detected += before - len(self._open)
        if self._restarts and before > len(self._open) and self.detected % self._restarts == 0:
            self._lane.close()
            self._lane, self._open, self._index = self._pool.lane(f"stream {self._number}"), [], 0
        while len(self._open) < self._ahead:
            picture = np.full((8, 8), self._number, np.uint8)
            self._open.append(self._lane.submit(grey_frame(picture, self._index)))
            self._index += self._step


def jain(counts):
    """Jain's index of fairness: 1 where all are equal, 1/n where one has everything."""
    return sum(counts) ** 2 / (len(counts) * sum(n * n for n in counts))


def serve(detector, streams, steps, visit=lambda _step: None):
    """Streams go on while a detection runs, never between two: what was in line is what counts."""
    order = []
    for step in range(steps):
        for stream in streams:
            stream.go_on()
        visit(step)
        if not order:
            order.append(detector.next())
        detector.finish()
        order.append(detector.next())
    return order[:-1]


def test_the_measure_tells_an_old_stream_that_starves():
    assert jain([387, 2]) < 0.51
    assert jain([5, 5, 5]) == 1


def test_streams_of_unequal_loads_are_detected_equally_often(pool_of, stepped):
    """One floods, one waits for each frame, one runs for months, one restarts all the time."""
    pool = pool_of(stepped)
    streams = [
        Stream(pool, 0, ahead=60),
        Stream(pool, 1, ahead=1),
        Stream(pool, 2, ahead=3, index=10**8, step=25),
        Stream(pool, 3, ahead=3, restarts=4),
    ]
    seldom = pool.lane("asks now and then")
    asked = []

    def visit(step):
        if step % 23 == 0:
            asked.append(step)
            seldom.submit(grey_frame(np.full((8, 8), 9, np.uint8), 10**9 + step))

    order = serve(stepped, streams, 400, visit)
    counts = Counter(order)
    assert jain([counts[i] for i in range(4)]) >= 0.95
    assert min(counts[i] for i in range(4)) > 80
    # Who asks now and then waits for the one that runs, and at most once for each of the others.
    answered = [step for step, number in enumerate(order) if number == 9]
    assert len(answered) == len(asked)
    assert all(0 < after - before <= 6 for before, after in zip(asked, answered, strict=True))


def test_a_stream_that_starts_at_frame_0_does_not_starve_one_that_has_run_for_hours(
    pool_of, stepped
):
    pool = pool_of(stepped)
    streams = [
        Stream(pool, 0, ahead=3, index=10**6, step=5),
        Stream(pool, 1, ahead=3, restarts=20),
    ]
    counts = Counter(serve(stepped, streams, 389))
    assert jain(list(counts.values())) >= 0.99


@pytest.mark.parametrize("detection_s", [0.02, 0.03, 0.05, 0.2])
def test_five_cameras_share_one_detector_and_none_waits_twice_the_mean(detection_s):
    """One joined 10,000 frames before the others and one sends twice as often; one question each.

    20 s, in a time that is turned by hand. At 0.02 s a detection there is time for all, else not.
    """
    clock, picture = HandClock(), np.zeros((8, 8), np.uint8)
    schedule = Schedule(60.0, clock)
    periods_s = [5 / 30, 5 / 30, 5 / 30, 5 / 30, 5 / 60]
    lanes = [schedule.open(f"camera {i}", live=True) for i in range(5)]
    due_s, frames = [0.01 * i for i in range(5)], [10_000, 0, 0, 0, 0]
    served, waits_s = Counter(), []
    while clock() < 20:
        for i, lane in enumerate(lanes):
            if due_s[i] <= clock() and not lane.tickets:
                schedule.put(lane, grey_frame(picture, frames[i]))
                frames[i] += 5
                due_s[i] = max(due_s[i] + periods_s[i], clock())
        if not any(lane.tickets for lane in lanes):
            clock.turn(0.005)
            continue
        job = schedule.take()
        waits_s.append(clock() - job.ticket.asked_s)
        served[job.lane.name] += 1
        clock.turn(detection_s)
        schedule.finish(job, Result())
    shares = sorted(served.values())
    assert jain(shares[:4]) >= 0.99  # of those that ask equally often
    if detection_s > 0.03:  # more is asked than can be done
        assert jain(shares) >= 0.95
        assert max(waits_s) <= 2 * np.mean(waits_s)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_stream_that_is_alone_has_all_workers(pool_of, stepped, workers):
    pool = pool_of(stepped, workers)
    pool.lane("quiet")
    Stream(pool, 0, ahead=9).go_on()
    assert [stepped.next() for _ in range(workers)] == [0] * workers
    for _ in range(9):
        stepped.finish()
