"""A supervisor in a world whose time passes only while it waits."""

import logging
import threading
from collections import Counter

import pytest
from worlds import World, info_of, until

from agent.errors import InputError, OutputError, RefusedError, UsageError
from agent.service.counts import Counts
from agent.service.latest_frame import LatestFrame
from agent.service.plan import Plan
from agent.service.supervisor import Supervisor

WORLD = World()


class SimulatedTime:
    """Waiting takes no time, and lets it pass; after `end_s` whoever waits waits for ever."""

    def __init__(self, end_s=600.0):
        self._now_s, self._end_s = 0.0, end_s
        self.over = threading.Event()

    def now_s(self):
        return self._now_s

    def wait(self, changed, most_s):
        if most_s is None or self._now_s + most_s > self._end_s:
            self.over.set()
            changed.wait()
            return
        if not changed.is_set():
            self._now_s += most_s

    def pass_by(self, seconds):
        self._now_s += seconds


class Camera:
    """A camera, its sessions, and when it is there: intervals of simulated seconds."""

    def __init__(self, time, *, there=((0, 10**9),), reason="can't be reached", frames=0, runs_s=0):
        self.time, self._there, self._reason = time, there, reason
        self._frames, self._runs_s = frames, runs_s
        self.tries_s = []
        self.probes = 0

    def is_there(self):
        self.probes += 1
        return any(begin <= self.time.now_s() < end for begin, end in self._there)

    def open_session(self):
        self.tries_s.append(self.time.now_s())
        there = any(begin <= self.time.now_s() < end for begin, end in self._there)
        if not there:
            raise InputError(f"door: {self._reason}")
        return Run(self)

    def plan(self, **more):
        return Plan(self.open_session, self.is_there, stall_s=10, **more)


class Run:
    """Gives frames until it is cancelled, or its camera's time is over."""

    def __init__(self, camera):
        self._camera, self._cancelled = camera, threading.Event()
        self.last_in_s = self.last_out_s = camera.time.now_s() if camera._frames else None
        self.latest = LatestFrame(info_of(WORLD))
        self.held_back = 7

    def run(self):
        if self._camera._runs_s:
            self._camera.time.pass_by(self._camera._runs_s)
            raise InputError("door: ended the stream")
        self._cancelled.wait()

    def cancel(self):
        self._cancelled.set()

    def counts(self):
        return Counts(frames_in=self._camera._frames, late=1, whole=Counter({"damaged stream": 1}))

    def queues(self):
        return {"analyse": 2}


class Refused:
    """What a session is that can't fit the model."""

    def __init__(self, error):
        self._error = error

    def open_session(self):
        raise self._error


@pytest.fixture
def began():
    begun = []

    def begin(plan, time=None):
        supervisor = Supervisor("door", plan, time)
        begun.append(supervisor)
        supervisor.start()
        return supervisor

    yield begin
    for supervisor in begun:
        supervisor.stop()
        assert supervisor.join(60)


def test_an_absent_camera_makes_few_lines_and_many_tries(began, caplog):
    caplog.set_level(logging.DEBUG)
    time = SimulatedTime(600)
    camera = Camera(time, there=())
    supervisor = began(camera.plan(), time)
    assert time.over.wait(60)
    assert 1 <= len(caplog.records) <= 5
    assert len(camera.tries_s) > 10
    assert supervisor.status().state == "reconnecting"
    assert supervisor.status().reason == "door: can't be reached"
    assert supervisor.status().reconnections == len(camera.tries_s)


def test_a_camera_that_is_back_is_asked_within_seconds(began):
    time = SimulatedTime(700)
    camera = Camera(time, there=((500, 10**9),), frames=5)
    supervisor = began(camera.plan(), time)
    until(lambda: supervisor.session is not None)
    assert 500 <= camera.tries_s[-1] <= 501.5
    supervisor.tick()
    assert supervisor.status().state == "running"


def test_one_that_answers_and_fails_is_asked_ever_less_often(began):
    time = SimulatedTime(3600)
    camera = Camera(time, frames=1, runs_s=0.5)
    began(camera.plan(), time)
    assert time.over.wait(60)
    waits = [b - a for a, b in zip(camera.tries_s, camera.tries_s[1:], strict=False)]
    assert max(waits) > 10
    assert max(waits) < 61
    assert camera.probes == len(camera.tries_s)  # not while it waits


def test_one_that_takes_long_to_fail_is_asked_ever_less_often(began):
    """What swallows packets: each try takes as long as it may."""
    time = SimulatedTime(3600)
    camera = Camera(time, there=())

    def open_session():
        camera.tries_s.append(time.now_s())
        time.pass_by(15)
        raise InputError("door: can't be reached")

    began(Plan(open_session, lambda: True, stall_s=10), time)
    assert time.over.wait(60)
    waits = [b - a - 15 for a, b in zip(camera.tries_s, camera.tries_s[1:], strict=False)]
    assert 10 < max(waits) < 61


def test_one_that_refuses_is_asked_once_a_minute(began):
    """Neither more often, which locks out who has the wrong password, nor ever less often."""
    time = SimulatedTime(3600)
    tries_s = []

    def open_session():
        tries_s.append(time.now_s())
        raise RefusedError("door: asks for another password (401)")

    supervisor = began(Plan(open_session, lambda: True, stall_s=10), time)
    assert time.over.wait(60)
    assert tries_s == [60 * i for i in range(61)]
    assert supervisor.status().state == "reconnecting"
    assert supervisor.status().reason == "door: asks for another password (401)"


def test_one_that_refused_is_asked_at_once_by_another_plan(began):
    time = SimulatedTime(0)
    camera = Camera(time, frames=1)
    error = RefusedError("door: asks for another password (401)")
    supervisor = began(Plan(Refused(error).open_session, lambda: True, stall_s=10), time)
    assert time.over.wait(60)
    supervisor.replace(camera.plan())
    until(lambda: supervisor.session is not None)
    assert camera.tries_s == [0]


def test_one_that_refused_and_was_started_again_is_asked_within_seconds(began):
    time = SimulatedTime(55)
    camera = Camera(time, there=((0, 10), (20.5, 10**9)), frames=1)

    def open_session():
        if time.now_s() > 20:
            return camera.open_session()
        time.pass_by(10)
        raise RefusedError("door: has no such path (404)")

    supervisor = began(Plan(open_session, camera.is_there, stall_s=10), time)
    until(lambda: supervisor.session is not None)
    assert 20.5 <= camera.tries_s[0] <= 22


@pytest.mark.parametrize("thawn_s", [12.5, 20])
def test_one_that_was_frozen_is_seen_as_soon_as_it_answers(began, thawn_s):
    """It seems to be there all the while: its machine takes connections, and nothing follows."""
    time = SimulatedTime(600)
    camera = Camera(time, frames=1, runs_s=12)

    def open_session():
        if time.now_s() > 0:
            camera._runs_s = 0
            time.pass_by(max(0, thawn_s - time.now_s()))  # it may take 15 s to answer
        return camera.open_session()

    supervisor = began(Plan(open_session, lambda: True, stall_s=10), time)
    until(lambda: supervisor.session is not None and time.now_s() > 12)
    assert thawn_s <= camera.tries_s[-1] <= thawn_s + 1


def test_a_recording_that_can_not_be_written_is_counted(began):
    time = SimulatedTime(600)
    refused = Refused(OutputError("disk full"))
    supervisor = began(Plan(refused.open_session, lambda: True, stall_s=10), time)
    assert time.over.wait(60)
    assert supervisor.status().unwritten == supervisor.status().reconnections > 3


def test_what_a_stream_showed_is_known_while_its_camera_is_away(began):
    time = SimulatedTime(600)
    camera = Camera(time, there=((0, 100),), frames=1, runs_s=200)
    supervisor = began(camera.plan(), time)
    assert supervisor.status().size is None or supervisor.status().size == WORLD.size
    assert time.over.wait(60)
    assert supervisor.session is None
    assert (supervisor.status().size, supervisor.status().rate) == (WORLD.size, 25.0)
    assert not supervisor.status().covered


def test_a_long_run_is_no_repetition(began):
    time = SimulatedTime(3600)
    camera = Camera(time, frames=1, runs_s=100)
    began(camera.plan(), time)
    assert time.over.wait(60)
    waits = [b - a - 100 for a, b in zip(camera.tries_s, camera.tries_s[1:], strict=False)]
    assert len(waits) > 20
    assert max(waits) < 1.001


def test_no_frame_for_long_is_a_stall_and_the_next_one_ends_it(began):
    time = SimulatedTime()
    supervisor = began(Camera(time, frames=1).plan(), time)
    until(lambda: supervisor.session is not None)
    supervisor.tick()
    assert supervisor.status().state == "running"
    time.pass_by(10.5)
    supervisor.tick()
    assert supervisor.status().state == "stalled"
    assert supervisor.status().last_frame_age_s == 10.5
    supervisor.session.last_in_s = time.now_s()
    supervisor.tick()
    assert supervisor.status().state == "running"


def test_what_fits_no_model_waits_for_another_configuration(began):
    time = SimulatedTime()
    camera = Camera(time, frames=1)
    error = UsageError("no class 'dragon'")
    supervisor = began(Plan(Refused(error).open_session, lambda: True, stall_s=10), time)
    until(lambda: supervisor.status().state == "failed")
    assert supervisor.status().reason == "no class 'dragon'"
    supervisor.replace(camera.plan())
    until(lambda: supervisor.session is not None)
    supervisor.tick()
    assert supervisor.status().state == "running"


def test_paused_means_that_nothing_is_open(began):
    time = SimulatedTime()
    camera = Camera(time, frames=3)
    supervisor = began(camera.plan(), time)
    until(lambda: supervisor.session is not None)
    supervisor.replace(camera.plan(paused=True))
    until(lambda: supervisor.status().state == "paused")
    assert supervisor.session is None
    supervisor.replace(camera.plan())
    until(lambda: supervisor.session is not None)
    assert (supervisor.status().frames_in, supervisor.status().held_back) == (6, 7)
    assert supervisor.status().whole == {"damaged stream": 2}
    assert supervisor.status().late == 2


def test_a_fault_of_ours_is_one_of_a_stream(began, caplog):
    supervisor = began(Plan(Refused(TypeError("oh")).open_session, lambda: True, stall_s=10))
    until(lambda: supervisor.status().reason == "a fault of ours (TypeError)")
    assert supervisor.status().reconnections > 0
    assert supervisor.alive
    assert "oh" in caplog.text  # with its traceback


def test_a_file_that_has_ended_rests(began):
    time = SimulatedTime()
    run = Run(Camera(time, frames=1))
    run.cancel()  # so that it returns at once
    supervisor = began(Plan(lambda: run, lambda: True, stall_s=10), time)
    until(lambda: supervisor.status().state == "ended")
    assert supervisor.status().frames_in == 1


def test_a_file_that_has_ended_is_not_begun_again_by_what_changes_live(began):
    time = SimulatedTime()
    camera = Camera(time, frames=1)
    run = Run(camera)
    run.cancel()
    supervisor = began(Plan(lambda: run, lambda: True, stall_s=10), time)
    until(lambda: supervisor.status().state == "ended")
    time.over.clear()
    assert supervisor.keep(camera.plan()) is None
    supervisor.tick()
    assert not time.over.wait(0.2)
    assert supervisor.status().state == "ended"
    assert camera.tries_s == []
    supervisor.replace(camera.plan())
    until(lambda: supervisor.session is not None)


def test_what_is_being_opened_by_an_old_plan_is_opened_again_by_the_new_one(began):
    time = SimulatedTime()
    camera, opening, opened = Camera(time, frames=1), threading.Event(), threading.Event()
    old = Run(camera)

    def open_session():
        opening.set()
        opened.wait()
        return old

    supervisor = began(Plan(open_session, lambda: True, stall_s=10), time)
    assert opening.wait(60)
    assert supervisor.keep(camera.plan()) is None
    opened.set()
    until(lambda: supervisor.session not in (None, old))
    assert supervisor.status().reconnections == 0


def test_a_stream_that_stalls_again_and_again_says_so_once(began, caplog):
    caplog.set_level(logging.INFO)
    time = SimulatedTime()
    supervisor = began(Camera(time, frames=1).plan(), time)
    until(lambda: supervisor.session is not None)
    for _ in range(20):
        time.pass_by(10.5)
        supervisor.tick()
        assert supervisor.status().state == "stalled"
        supervisor.session.last_in_s = time.now_s()
        supervisor.tick()
        assert supervisor.status().state == "running"
    said = [record.getMessage() for record in caplog.records]
    assert said == ["no frame for 10 s", "runs again, after 0 s"]
