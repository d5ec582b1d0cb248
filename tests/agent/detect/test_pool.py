"""Workers that may fail, lie or hang."""

import threading
import time

import numpy as np
import pytest
from worlds import (
    BlindAt,
    Eyes,
    FailingAt,
    HandClock,
    HangingAt,
    InvalidAt,
    NanAt,
    NanScoresAt,
    OutsideAt,
    Unhurried,
    until,
)

from agent.detect.hang_limit import MAX_HANGS
from agent.detect.pool import DetectorPool
from models.errors import LostGpuError
from models.instances import Instances, Mask

TIMEOUT_S = 0.05
"""Of those that hang here, on a clock that moves when it is told to; it is looked at so often."""


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def lane_of(clock):
    """Lanes of pools that are closed in the end."""
    pools = []

    def make(detector, workers=2, timeout_s=TIMEOUT_S, now=clock):
        pools.append(DetectorPool(detector, workers, timeout_s, now))
        return pools[-1].lane("stream")

    yield make
    for pool in pools:
        pool.close()


def test_a_ticket_holds_what_was_seen_in_its_own_frame(world, lane_of):
    lane = lane_of(Unhurried(world), workers=4)
    tickets = [lane.submit(world.frame(i)) for i in range(20)]
    for i, ticket in enumerate(tickets):
        (sighting,) = lane.wait(ticket).sightings
        assert sighting.index == i
        assert sighting.outline.bounds.tolist() == [10 + 2 * i, 8, 42 + 2 * i, 40]


class Lost(Eyes):
    """Of a GPU that fails for good at the second frame."""

    def detect(self, frame):
        if frame.index == 1:
            raise LostGpuError("the GPU failed for good")
        return super().detect(frame)


def test_a_gpu_that_is_lost_is_said_until_the_end(world, clock):
    pool = DetectorPool(Lost(world), 1, TIMEOUT_S, clock)
    lane = pool.lane("stream")
    faults = [(lane.wait(lane.submit(world.frame(i))).fault, pool.lost) for i in range(3)]
    pool.close()
    said = "the GPU failed for good"
    assert faults == [(None, ""), ("no valid result", said), (None, said)]


def test_a_ticket_lets_its_frame_go(world, lane_of):
    lane = lane_of(Eyes(world))
    assert lane.wait(lane.submit(world.frame(0))).frame is None


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (FailingAt, "detector failed"),
        (InvalidAt, "no valid result"),
        (NanAt, "no valid result"),
        (NanScoresAt, "no valid result"),
        (OutsideAt, "no valid result"),
        (BlindAt, None),
    ],
)
def test_a_result_is_good_or_a_fault_and_the_next_one_is_unharmed(world, lane_of, kind, fault):
    lane = lane_of(kind(world, {3}), workers=1)
    bad, good = lane.submit(world.frame(3)), lane.submit(world.frame(4))
    assert lane.wait(bad).fault == fault
    assert bad.sightings == ()
    assert lane.wait(good).fault is None
    assert len(good.sightings) == 1


class WithoutPixels:
    """An instance whose mask lies outside the image, so that no pixel of it is left."""

    def detect(self, _frame):
        return Instances(
            np.float32([[-9, 0, -1, 9], [10, 10, 20, 20]]),
            np.float32([0.9, 0.9]),
            np.zeros(2, np.int64),
            (
                Mask(0, 0, np.empty((9, 0), np.uint8)),
                Mask(10, 10, np.full((10, 10), 255, np.uint8)),
            ),
        )


def test_an_instance_without_pixels_is_left_out(world, lane_of):
    lane = lane_of(WithoutPixels())
    ticket = lane.wait(lane.submit(world.frame(0)))
    assert ticket.fault is None
    assert [s.outline.bounds.tolist() for s in ticket.sightings] == [[10, 10, 20, 20]]


def test_the_earliest_frame_is_seen_first(world, lane_of):
    eyes = HangingAt(world, {0})
    lane = lane_of(eyes, workers=1)
    tickets = [lane.submit(world.frame(i)) for i in (0, 9, 3, 6)]
    until(lambda: eyes.seen)
    eyes.release()
    for ticket in tickets:
        lane.wait(ticket)
    assert eyes.seen == [0, 3, 6, 9]


def test_a_hung_worker_is_replaced(world, lane_of, clock):
    eyes = HangingAt(world, {0})
    lane = lane_of(eyes, workers=1)
    stuck = lane.submit(world.frame(0))
    until(lambda: eyes.seen)
    assert not stuck.done.is_set()
    clock.turn(TIMEOUT_S)
    assert lane.wait(stuck).fault == "detector timed out"
    assert lane.wait(lane.submit(world.frame(1))).fault is None
    eyes.release()
    until(lambda: lane._schedule.hung == 0)
    assert stuck.fault == "detector timed out"  # what comes too late is not believed


def test_a_ticket_behind_a_hung_one_is_not_stuck(world, lane_of, clock):
    """Looking closer before a keyframe asks for a frame while the only worker hangs on a later."""
    eyes = HangingAt(world, {20})
    lane = lane_of(eyes, workers=1)
    later = lane.submit(world.frame(20))
    until(lambda: eyes.seen)
    earlier = lane.submit(world.frame(10))
    waited = threading.Thread(target=lane.wait, args=(earlier,), daemon=True)
    waited.start()
    clock.turn(TIMEOUT_S)
    waited.join(60)
    assert not waited.is_alive()
    assert earlier.fault is None
    assert lane.wait(later).fault == "detector timed out"
    eyes.release()


def test_waiting_in_line_is_no_fault(world, lane_of, clock):
    """Only the time of the detection itself counts."""

    class Slow(Eyes):
        def detect(self, frame):
            clock.turn(0.2 * TIMEOUT_S)
            return super().detect(frame)

    lane = lane_of(Slow(world), workers=1)
    tickets = [lane.submit(world.frame(i)) for i in range(10)]
    assert [lane.wait(ticket).fault for ticket in tickets[::-1]] == [None] * 10


def test_after_too_many_hung_workers_nothing_is_asked_any_more(world, lane_of, clock):
    eyes = HangingAt(world, range(40))
    lane = lane_of(eyes, workers=1)
    for i in range(MAX_HANGS):
        ticket = lane.submit(world.frame(i))
        until(lambda: len(eyes.seen) == i + 1)  # noqa: B023 at once
        clock.turn(TIMEOUT_S)
        assert lane.wait(ticket).fault == "detector timed out"
    tickets = [lane.submit(world.frame(i)) for i in range(3, 40)]
    assert all(ticket.done.is_set() for ticket in tickets)  # nothing is waited for
    assert {ticket.fault for ticket in tickets} == {"detector timed out"}
    assert all(ticket.frame is None for ticket in tickets)  # none piles up
    assert len(eyes.seen) == MAX_HANGS
    eyes.release()


def test_closing_lets_idle_workers_go(world):
    before = set(threading.enumerate())
    pool = DetectorPool(Eyes(world), 3, 10)
    workers = set(threading.enumerate()) - before
    assert len(workers) == 3
    assert all(worker.daemon for worker in workers)
    pool.close()
    for worker in workers:
        worker.join(60)
    assert not any(worker.is_alive() for worker in workers)


def test_closing_waits_for_detections_that_run_and_not_for_those_that_hang(world, clock):
    """A thread that outlives its pool may come back while Python takes the interpreter down."""
    eyes = HangingAt(world, {0})
    others = set(threading.enumerate())  # which an earlier test may have left to hang
    pool = DetectorPool(Unhurried(world), workers=2, timeout_s=30)
    lane = pool.lane("a")
    for index in range(8):
        lane.submit(world.frame(index))
    pool.close()
    rest = set(threading.enumerate()) - others
    assert not [thread for thread in rest if thread.name.startswith("detect-")]
    pool = DetectorPool(eyes, workers=1, timeout_s=TIMEOUT_S, now=clock)
    lane = pool.lane("a")
    stuck = lane.submit(world.frame(0))
    until(lambda: eyes.seen)
    clock.turn(TIMEOUT_S)
    assert lane.wait(stuck).fault == "detector timed out"
    assert lane.wait(lane.submit(world.frame(1))).fault is None
    pool.close()
    rest = set(threading.enumerate()) - others
    [left] = [thread for thread in rest if thread.name.startswith("detect-")]
    eyes.release()
    left.join(60)
    assert not left.is_alive()


def test_the_clock_sums_up_all_workers(world, lane_of):
    lane = lane_of(Unhurried(world), workers=3, timeout_s=60, now=time.monotonic)
    for ticket in [lane.submit(world.frame(i)) for i in range(12)]:
        lane.wait(ticket)
    assert lane.clock.frames == 12
    assert lane.clock.busy_s > sum((i * 7919 % 13) / 1000 for i in range(12))
    assert lane.waited_s > 0
