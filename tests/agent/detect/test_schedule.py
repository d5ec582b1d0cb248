"""Whose turn it is, without a thread."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import HandClock, grey_frame

from agent.detect.schedule import Schedule
from agent.detect.ticket import Result

TIMEOUT_S = 20
GOOD = Result()


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def schedule(clock):
    return Schedule(TIMEOUT_S, clock)


def frame(i):
    return grey_frame(np.zeros((8, 8), np.uint8), i)


def served(schedule):
    """Serve what there is: names of lanes with frame indices, in order."""
    order = []
    while any(lane.tickets for lane in schedule._lanes):
        job = schedule.take()
        order.append((job.lane.name, job.ticket.frame.index))
        schedule.finish(job, GOOD)
    return order


def test_lanes_are_served_in_turn_and_each_by_its_oldest_frame(schedule):
    a, b, c = (schedule.open(name) for name in "abc")
    for lane, indices in ((b, [1000, 999]), (c, [5]), (a, [3, 1, 2])):
        for i in indices:
            schedule.put(lane, frame(i))
    assert served(schedule) == [("a", 1), ("b", 999), ("c", 5), ("a", 2), ("b", 1000), ("a", 3)]


def test_of_one_index_the_one_that_was_handed_in_first_is_first(schedule):
    lane = schedule.open("a")
    first, second = schedule.put(lane, frame(7)), schedule.put(lane, frame(7))
    assert [schedule.take().ticket, schedule.take().ticket] == [first, second]


def test_a_lane_that_asks_seldom_goes_first_but_saves_nothing_up(schedule):
    flood, seldom = schedule.open("flood"), schedule.open("seldom")
    for i in range(10):
        schedule.put(flood, frame(i))
    for _ in range(6):
        schedule.take()
    for i in range(3):
        schedule.put(seldom, frame(i))
    names = [name for name, _ in served(schedule)]
    assert names == ["seldom", "flood", "seldom", "flood", "seldom", "flood", "flood"]


def test_the_earliest_deadline_is_first_whoever_had_the_last_turn(schedule, clock):
    a, b = schedule.open("a"), schedule.open("b")
    clock.turn(1)
    schedule.put(b, frame(5))
    clock.turn(0.1)
    schedule.put(a, frame(1))
    assert served(schedule) == [("b", 5), ("a", 1)]


def test_what_is_handed_in_at_once_does_not_go_before_what_comes_later(schedule, clock):
    flood, seldom = schedule.open("flood"), schedule.open("seldom")
    for i in range(3):
        schedule.put(flood, frame(i))
    clock.turn(0.1)
    schedule.put(seldom, frame(0))
    assert [name for name, _ in served(schedule)] == ["flood", "seldom", "flood", "flood"]


@pytest.mark.parametrize(("waited_s", "first"), [(0.0, "camera"), (0.7, "camera"), (0.8, "file")])
def test_a_camera_goes_before_a_file_but_not_for_ever(schedule, clock, waited_s, first):
    file, camera = schedule.open("file"), schedule.open("camera", live=True)
    schedule.put(file, frame(0))
    clock.turn(waited_s)
    schedule.put(camera, frame(9))
    assert served(schedule)[0][0] == first


def test_a_file_beside_cameras_that_want_everything_is_served_now_and_then(schedule, clock):
    cameras = [schedule.open(name, live=True) for name in "abc"]
    file = schedule.open("file")
    for i in range(200):
        for lane in (*cameras, file):
            if not lane.tickets:
                schedule.put(lane, frame(i))
        job = schedule.take()
        clock.turn(0.05)
        schedule.finish(job, GOOD)
    assert file.clock.frames >= 200 * 0.05 / 1.05 - 1
    assert max(c.clock.frames for c in cameras) - min(c.clock.frames for c in cameras) <= 1


@pytest.mark.parametrize(
    ("live", "in_line_s", "took_s", "late"),
    [
        (True, 0, 0.25, 0),
        (True, 0, 0.26, 1),
        (True, 0.2, 0.06, 1),
        (True, 0, TIMEOUT_S, 1),
        (False, 0, 5, 0),
    ],
)
def test_late_is_not_hung(schedule, clock, live, in_line_s, took_s, late):
    """It is counted from when it was handed in; its result is used, and its worker goes on."""
    lane = schedule.open("a", live=live)
    ticket = schedule.put(lane, frame(0))
    clock.turn(in_line_s)
    job = schedule.take()
    clock.turn(took_s)
    assert schedule.finish(job, GOOD)
    assert (ticket.result, lane.clock.late) == (GOOD, late)
    assert (schedule.hung, schedule.hangs_lately()) == (0, 0)


def test_what_hangs_is_not_late_as_well(schedule, clock):
    lane = schedule.open("a", live=True)
    schedule.put(lane, frame(0))
    job = schedule.take()
    clock.turn(TIMEOUT_S)
    assert schedule.write_off() == 1
    assert not schedule.finish(job, GOOD)
    assert (lane.clock.late, schedule.hangs_lately()) == (0, 1)


def test_a_new_lane_is_behind_all_that_wait(schedule):
    old = [schedule.open(name) for name in "ab"]
    for lane in old:
        schedule.put(lane, frame(10**6))
    schedule.put(schedule.open("new"), frame(0))
    assert [name for name, _ in served(schedule)] == ["a", "b", "new"]


def test_a_lane_that_is_opened_again_gains_nothing(schedule):
    """It closes and comes back whenever it was served; another waits no longer for that."""
    patient, restless = schedule.open("patient"), schedule.open("restless")
    for i in range(10):
        schedule.put(patient, frame(i))
    names = []
    for _ in range(10):
        schedule.put(restless, frame(0))
        names.append(schedule.take().lane.name)
        if names[-1] == "restless":
            schedule.close_lane(restless)
            restless = schedule.open("restless")
    assert names == ["patient", "restless"] * 5


OPS = st.lists(
    st.tuples(st.sampled_from(["put", "put", "take", "reopen", "pass"]), st.integers(0, 3))
)


@settings(deadline=None)
@given(OPS, st.integers(1, 4))
def test_while_a_lane_waits_no_other_has_two_turns(ops, workers):
    """Whatever they ask for, in whatever order and when, however often they are opened again."""
    clock = HandClock()
    schedule = Schedule(TIMEOUT_S, clock)
    lanes = [schedule.open(str(i)) for i in range(4)]
    overtaken = {}  # by lane that waits: turns of others since
    running = []
    for op, i in ops:
        if op == "put":
            schedule.put(lanes[i], frame(0))
            overtaken.setdefault(i, [0] * 4)
        elif op == "reopen":
            schedule.close_lane(lanes[i])
            lanes[i] = schedule.open(str(i))
            overtaken.pop(i, None)
        elif op == "pass":
            clock.turn(i / 10)
        elif overtaken:
            if len(running) == workers:
                schedule.finish(running.pop(0), GOOD)
            job = schedule.take()
            running.append(job)
            turn = int(job.lane.name)
            overtaken.pop(turn)
            for turns in overtaken.values():
                turns[turn] += 1
            if job.lane.tickets:
                overtaken[turn] = [0] * 4
        assert all(max(turns) <= 1 for turns in overtaken.values())


def test_time_in_line_is_not_time_of_a_detection(schedule, clock):
    lane = schedule.open("a")
    waiting = schedule.put(lane, frame(0))
    assert schedule.next_deadline_s() == TIMEOUT_S  # nothing runs: nothing is due before
    clock.turn(1000)
    assert schedule.write_off() == 0
    job = schedule.take()
    clock.turn(5)
    assert schedule.next_deadline_s() == TIMEOUT_S - 5
    assert schedule.finish(job, GOOD)
    assert waiting.fault is None


def test_what_comes_back_late_is_not_believed(schedule, clock):
    lane = schedule.open("a")
    ticket = schedule.put(lane, frame(0))
    job = schedule.take()
    clock.turn(TIMEOUT_S)
    assert schedule.next_deadline_s() == 0
    assert schedule.write_off() == 1
    assert schedule.write_off() == 0  # once
    assert schedule.hung == 1
    assert ticket.fault == "detector timed out"
    assert not schedule.finish(job, GOOD)
    assert schedule.hung == 0
    assert ticket.fault == "detector timed out"


def test_a_detection_of_any_lane_is_written_off_and_counts_for_its_own(schedule, clock):
    hanging, other = schedule.open("hanging"), schedule.open("other")
    for i in range(3):
        schedule.put(hanging, frame(i))
        schedule.take()
        clock.turn(TIMEOUT_S)
        assert schedule.write_off() == 1
    assert schedule.put(hanging, frame(9)).fault == "detector timed out"
    assert not schedule.put(other, frame(9)).done.is_set()


def test_a_lane_that_reaches_its_limit_loses_what_is_in_line_and_not_what_runs(schedule, clock):
    lane, other = schedule.open("a"), schedule.open("b")
    for i in range(3):
        schedule.put(lane, frame(i))
        schedule.take()
    clock.turn(TIMEOUT_S - 1)
    running = schedule.put(lane, frame(3))
    job = schedule.take()
    waiting, others = schedule.put(lane, frame(4)), schedule.put(other, frame(0))
    clock.turn(1)
    assert schedule.write_off() == 3
    assert waiting.fault == "detector timed out"
    assert waiting.frame is None
    assert not running.done.is_set()
    assert not others.done.is_set()
    assert schedule.finish(job, GOOD)
    assert running.fault is None


def test_an_open_ticket_does_not_look_as_if_nothing_were_there(schedule):
    assert schedule.put(schedule.open("a"), frame(0)).fault is not None


def test_the_time_of_workers_is_that_of_the_lane_they_work_for(schedule, clock):
    a, b = schedule.open("a"), schedule.open("b")
    schedule.put(a, frame(0))
    job = schedule.take()
    clock.turn(3)
    schedule.finish(job, GOOD)
    schedule.put(b, frame(0))
    schedule.take()
    clock.turn(TIMEOUT_S)
    schedule.write_off()
    assert (a.clock.frames, a.clock.busy_s) == (1, 3)
    assert (b.clock.frames, b.clock.busy_s) == (1, TIMEOUT_S)  # hung, but busy
