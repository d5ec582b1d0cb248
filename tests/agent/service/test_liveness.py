"""When the watchdog is fed, and when the process is left to be started anew."""

import threading

import pytest
import worlds
from worlds import HandClock, HangingAt, World

from agent.detect.hang_limit import HANG_WINDOW_S, MAX_HANGS
from agent.detect.pool import DetectorPool
from agent.service.counts import Counts
from agent.service.liveness import Liveness
from agent.service.plan import Plan
from agent.service.supervisor import Supervisor

TIMEOUT_S = 20.0


class Working:
    """A session of which the test says how it gets on."""

    last_in_s = last_out_s = None

    def __init__(self):
        self.frames_out, self.waiting = 0, 0
        self._over = threading.Event()

    def run(self):
        self._over.wait()

    def cancel(self):
        self._over.set()

    def counts(self):
        return Counts(frames_out=self.frames_out)

    def queues(self):
        return {"analyse": 0, "detect": 12, "redact": self.waiting, "encode": 0}


@pytest.fixture
def session():
    return Working()


@pytest.fixture
def supervisor(session):
    supervisor = Supervisor("door", Plan(lambda: session, lambda: True, 10.0))
    supervisor.start()
    worlds.until(lambda: supervisor.session is session)
    yield supervisor
    supervisor.stop()
    assert supervisor.join(60)


@pytest.fixture
def clock():
    return HandClock()


def test_frames_that_wait_and_never_come_out_are_a_fault(supervisor, session, clock):
    liveness = Liveness(TIMEOUT_S, clock)
    session.waiting = 3
    for _ in range(10):  # slow, but it moves
        assert liveness.fault([supervisor], 0) is None
        session.frames_out += 1
        clock.turn(60)
    clock.turn(30)
    assert liveness.fault([supervisor], 0) is None
    clock.turn(120)
    assert "door has frames" in liveness.fault([supervisor], 0)


def test_a_camera_that_gives_nothing_is_none(supervisor, clock):
    liveness = Liveness(TIMEOUT_S, clock)
    for _ in range(10):
        assert liveness.fault([supervisor], 0) is None
        clock.turn(600)


def test_a_session_is_not_charged_with_what_another_of_its_name_waited(clock):
    """A stream was removed while its frames waited, and is added again."""
    liveness = Liveness(TIMEOUT_S, clock)
    for _ in range(2):
        session = Working()
        session.waiting = 3
        supervisor = Supervisor("door", Plan(lambda session=session: session, lambda: True, 10.0))
        supervisor.start()
        worlds.until(lambda supervisor=supervisor: supervisor.session is not None)
        assert liveness.fault([supervisor], 0) is None
        clock.turn(100)
        assert liveness.fault([supervisor], 0) is None
        supervisor.stop()
        assert supervisor.join(60)


def test_a_thread_that_died_is_one():
    supervisor = Supervisor("door", Plan(Working, lambda: True, 10.0))
    supervisor.start()
    supervisor.stop()
    assert supervisor.join(60)
    assert "door has died" in Liveness(TIMEOUT_S).fault([supervisor], 0)


def hangs_of(times_s, now_s):
    """What a pool counts at the end of detections that hung at these times."""
    world = World(frames=len(times_s))
    clock, eyes = HandClock(), HangingAt(world, range(len(times_s)))
    pool = DetectorPool(eyes, 1, TIMEOUT_S, clock)
    passed_s = 0.0
    for i, at_s in enumerate(times_s):
        clock.turn(at_s - passed_s)
        passed_s = at_s
        lane = pool.lane(f"stream {i}")
        ticket = lane.submit(world.frame(i))
        worlds.until(lambda ticket=ticket: ticket.frame is None)  # it is being looked at
        clock.turn(TIMEOUT_S)
        passed_s += TIMEOUT_S
        assert lane.wait(ticket).fault == "detector timed out"
    clock.turn(now_s - passed_s)
    counted = pool.hangs_lately
    eyes.release()
    pool.close()
    return counted


def test_one_hang_an_hour_never_ends_the_feeding_and_three_in_ten_minutes_do():
    assert Liveness(TIMEOUT_S).fault([], hangs_of([0, 3600, 7200, 10800], 10830)) is None
    often = hangs_of([0, 200, 400], 430)
    assert often == MAX_HANGS
    assert "hung 3 times" in Liveness(TIMEOUT_S).fault([], often)
    assert Liveness(TIMEOUT_S).fault([], hangs_of([0, 200, 400], 420 + HANG_WINDOW_S)) is None
