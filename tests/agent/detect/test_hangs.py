"""Detections that hang: limited in a window of time, for the lane that they are of.

No test here waits for time to pass: the clock is turned.
"""

import threading

import pytest
from worlds import HangingAt, until

from agent.detect.hang_limit import FIRST_PAUSE_S, HANG_WINDOW_S, LONGEST_PAUSE_S, MAX_HANGS

TIMEOUT_S = 20.0
HOUR_S = 3600.0
TIMED_OUT = "detector timed out"


class Hanging:
    """A pool on a detector that hangs at every frame but the first, in a time that can be turned."""

    SOUND = 0

    def __init__(self, world, pool_of, clock, workers=1):
        self._world, self._clock = world, clock
        self.eyes = HangingAt(world, range(1, 100))
        self.pool = pool_of(self.eyes, workers, clock)
        self._newest = self.SOUND

    def hang(self, lane):
        """A detection that hangs for as long as it may: its ticket."""
        self._newest += 1
        ticket = lane.submit(self._world.frame(self._newest))
        until(lambda: self.eyes.seen[-1:] == [self._newest])
        self._clock.turn(TIMEOUT_S)
        return lane.wait(ticket)

    def ask(self, lane):
        """A detection that goes well, if there is one: its ticket."""
        return lane.wait(lane.submit(self._world.frame(self.SOUND)))


@pytest.fixture
def hanging(world, pool_of, clock):
    made = Hanging(world, pool_of, clock)
    yield made
    made.eyes.release()


def test_hangs_that_are_hours_apart_never_end_detection(hanging, clock):
    lane = hanging.pool.lane("door")
    for _ in range(4 * MAX_HANGS):
        assert hanging.hang(lane).fault == TIMED_OUT
        ticket = hanging.ask(lane)
        assert ticket.fault is None
        assert len(ticket.sightings) == 1
        clock.turn(HOUR_S)


def test_three_hangs_within_the_window_suspend_detection_and_it_heals(hanging, clock):
    lane = hanging.pool.lane("door")
    first_s = clock() + TIMEOUT_S
    for _ in range(MAX_HANGS):
        assert hanging.ask(lane).fault is None
        assert hanging.hang(lane).fault == TIMED_OUT
        clock.turn(60)
    asked = len(hanging.eyes.seen)
    clock.turn(first_s + HANG_WINDOW_S - clock() - 0.5)
    for _ in range(50):
        ticket = hanging.ask(lane)
        assert ticket.fault == TIMED_OUT
        assert ticket.frame is None
    assert len(hanging.eyes.seen) == asked
    clock.turn(0.5)
    assert hanging.ask(lane).fault is None
    assert hanging.hang(lane).fault == TIMED_OUT  # the two others still count
    assert hanging.ask(lane).fault == TIMED_OUT
    clock.turn(HANG_WINDOW_S)
    assert [hanging.ask(lane).fault for _ in range(20)] == [None] * 20


def test_a_live_lane_is_tried_anew_for_ever_after_longer_and_longer_pauses(hanging, clock):
    """Nobody but who watches it can end it, and no count of hangs does."""
    lane, pauses_s = hanging.pool.lane("door", live=True), []
    for _ in range(30):
        assert hanging.hang(lane).fault == TIMED_OUT
        hung_s, asked = clock(), len(hanging.eyes.seen)
        while (ticket := hanging.ask(lane)).fault == TIMED_OUT:
            assert ticket.frame is None
            assert len(hanging.eyes.seen) == asked
            clock.turn(FIRST_PAUSE_S)
        assert ticket.fault is None
        pauses_s.append(clock() - hung_s)
    assert pauses_s[:7] == [1, 2, 4, 8, 16, 32, 64]
    assert max(pauses_s) <= LONGEST_PAUSE_S
    clock.turn(HOUR_S)
    hanging.hang(lane)
    assert hanging.ask(lane).fault == TIMED_OUT
    clock.turn(FIRST_PAUSE_S)
    assert hanging.ask(lane).fault is None


def test_what_waits_in_a_live_lane_behind_a_hang_is_covered_at_once(hanging, world, clock):
    """Its pictures go on, and what comes next is looked at once the pause is over."""
    lane = hanging.pool.lane("door", live=True)
    stuck = lane.submit(world.frame(1))
    until(lambda: hanging.eyes.seen == [1])
    behind = lane.submit(world.frame(2))
    clock.turn(TIMEOUT_S)
    assert lane.wait(stuck).fault == TIMED_OUT
    assert behind.done.is_set()
    assert behind.fault == TIMED_OUT


def test_a_lane_whose_detections_hang_suspends_no_other(hanging, clock):
    hurt, sound = hanging.pool.lane("hurt"), hanging.pool.lane("sound")
    for _ in range(MAX_HANGS):
        assert hanging.hang(hurt).fault == TIMED_OUT
        assert hanging.ask(sound).fault is None
    for _ in range(20):
        assert hanging.ask(hurt).fault == TIMED_OUT
        assert hanging.ask(sound).fault is None
        clock.turn(1)


def test_who_waits_behind_a_hung_detection_of_another_lane_frees_itself(hanging, world, clock):
    """Nobody waits in the lane that hangs, and there it counts."""
    hurt, sound = hanging.pool.lane("hurt"), hanging.pool.lane("sound")
    for i in range(1, MAX_HANGS + 1):
        stuck = hurt.submit(world.frame(i))
        until(lambda i=i: hanging.eyes.seen[-1:] == [i])
        behind = sound.submit(world.frame(hanging.SOUND))
        clock.turn(TIMEOUT_S)
        assert sound.wait(behind).fault is None
        assert stuck.fault == TIMED_OUT
    assert hanging.ask(hurt).fault == TIMED_OUT
    assert hanging.ask(sound).fault is None


def test_a_stream_that_is_opened_again_keeps_its_count(hanging, clock):
    for _ in range(MAX_HANGS):
        lane = hanging.pool.lane("door")
        assert hanging.hang(lane).fault == TIMED_OUT
        lane.close()
    assert hanging.ask(hanging.pool.lane("door")).fault == TIMED_OUT
    assert hanging.ask(hanging.pool.lane("yard")).fault is None
    clock.turn(HANG_WINDOW_S)
    assert hanging.ask(hanging.pool.lane("door")).fault is None


def test_a_detector_that_always_hangs_holds_a_few_threads_an_hour(world, pool_of, clock):
    """A frame a second for an hour, of which most are never looked at."""
    eyes = HangingAt(world, range(3600))
    pool = pool_of(eyes, 2, clock)
    lane = pool.lane("door")
    for second in range(3600):
        ticket = lane.submit(world.frame(second))
        if not ticket.done.is_set():
            until(lambda second=second: eyes.seen[-1:] == [second])
            clock.turn(TIMEOUT_S)
        assert lane.wait(ticket).fault == TIMED_OUT
        clock.turn(1)
    assert MAX_HANGS < pool.hung <= (clock() // HANG_WINDOW_S + 1) * MAX_HANGS
    assert pool.hung == len(eyes.seen)
    eyes.release()
    until(lambda: pool.hung == 0)


def test_a_detection_that_comes_back_late_is_not_believed_and_its_thread_ends(
    world, pool_of, clock
):
    before = set(threading.enumerate())
    hanging = Hanging(world, pool_of, clock)
    [worker] = set(threading.enumerate()) - before
    lane = hanging.pool.lane("door")
    stuck = hanging.hang(lane)
    [other] = set(threading.enumerate()) - before - {worker}
    assert hanging.pool.hung == 1
    hanging.eyes.release()
    worker.join(60)
    assert not worker.is_alive()
    assert hanging.pool.hung == 0
    assert stuck.fault == TIMED_OUT
    assert stuck.sightings == ()
    assert hanging.ask(lane).fault is None
    assert other.is_alive()


def test_a_detection_that_hangs_in_a_closed_pool_times_out_and_no_worker_stays(
    hanging, clock, world
):
    before = set(threading.enumerate())
    lane = hanging.pool.lane("door")
    stuck = lane.submit(world.frame(1))
    until(lambda: hanging.eyes.seen)
    hanging.pool.close()
    clock.turn(TIMEOUT_S)
    assert lane.wait(stuck).fault == TIMED_OUT
    until(lambda: set(threading.enumerate()) <= before)


def test_the_pool_tells_how_many_hung_lately_over_all_lanes(hanging, clock):
    """A supervisor of the process looks at it; those that came back count, too."""
    door, yard = hanging.pool.lane("door"), hanging.pool.lane("yard")
    assert hanging.pool.hangs_lately == 0
    first_s = clock() + TIMEOUT_S
    for lane, expected in ((door, 1), (yard, 2), (door, 3)):
        hanging.hang(lane)
        assert hanging.pool.hangs_lately == expected
    hanging.eyes.release()
    until(lambda: hanging.pool.hung == 0)
    assert hanging.pool.hangs_lately == 3
    clock.turn(first_s + HANG_WINDOW_S - clock())
    assert hanging.pool.hangs_lately == 2
    clock.turn(HANG_WINDOW_S)
    assert hanging.pool.hangs_lately == 0
