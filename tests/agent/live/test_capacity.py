"""Who may be one more camera: whoever leaves all enough, on a machine that is simulated."""

import itertools

import pytest
from live_world import Client, Closed, serving
from pushes import pushes
from worlds import Eyes, Thing, World, linear

from agent.detect.pool import DetectorPool
from agent.hidden import Hidden
from agent.live.cameras import BrowserCameras
from agent.live.capacity import Capacity
from agent.live.showing import Analysis
from agent.settings import Hiding, Looking


class Machine:
    """Cameras that all want `wanted` pictures a second, and share two cores and a detector.

    Of each picture the cores have `cpu_s` seconds of work, and the detector `looked_s`.
    """

    CORES = 2

    def __init__(self, cpu_s, looked_s=0.0):
        self.cpu_s, self.looked_s = cpu_s, looked_s
        self.at_s = self.spent_s = 0.0
        self.capacity = Capacity(self.CORES, lambda: self.spent_s, lambda: self.at_s)

    def run(self, seconds, cameras, wanted=30):
        """As many pictures as are wanted, or as there is time for."""
        per_s = min(cameras * wanted, 1 / max(self.cpu_s / self.CORES, self.looked_s))
        for i in range(round(seconds * per_s)):
            self.at_s += 1 / per_s
            self.spent_s += self.cpu_s
            self.capacity.shown(f"{i % cameras}", self.looked_s)
        return per_s / cameras

    def has_room(self, cameras):
        return self.capacity.has_room([f"{n}" for n in range(cameras)])

    def admitted(self, wanted=30):
        """How many come in, one each eight seconds."""
        cameras = 1
        while cameras < 64:
            self.run(8, cameras, wanted)
            if not self.has_room(cameras):
                break
            cameras += 1
        return cameras


@pytest.mark.parametrize("machine", [Machine(0.037), Machine(0.001, 0.0185)])
def test_as_many_come_in_as_get_ten_pictures_a_second_each(machine):
    """54 pictures a second: of the CPU's, or of a detector's elsewhere."""
    assert machine.admitted() == 5
    assert machine.run(8, 5) > 10 > machine.run(8, 6)


def test_cameras_that_are_slow_by_themselves_keep_nobody_out_of_an_idle_machine():
    """Pictures of the dark are few: 15 a second of 26, so that another one may have 10."""
    machine = Machine(2 / 26)
    assert machine.admitted(wanted=5) == 4
    assert machine.run(8, 3, wanted=5) == 5
    assert machine.run(8, 1) == 26
    assert machine.has_room(1)
    assert not machine.has_room(2)


def test_a_machine_that_is_full_stays_so_however_slow_its_cameras_are():
    machine = Machine(2 / 15)
    assert machine.run(8, 3) == 5
    assert not machine.has_room(3)


def test_cameras_that_came_a_moment_ago_count():
    machine = Machine(0.037)
    machine.run(8, 1)
    assert [machine.has_room(cameras) for cameras in (1, 4, 5)] == [True, True, False]


def test_what_is_not_known_keeps_nobody_out():
    machine = Machine(0.2)
    assert machine.has_room(1)
    machine.run(3, 1)
    assert machine.has_room(1)  # of which 30 pictures came
    machine.run(0.1, 1)
    assert not machine.has_room(1)
    machine.at_s += 6  # in which nobody showed anything, as where all are paused
    assert machine.has_room(1)


def test_what_was_dear_lately_is_forgotten_when_it_is_no_more():
    machine = Machine(0.15)
    machine.run(8, 1)
    assert not machine.has_room(1)
    machine.cpu_s = 0.03
    machine.run(8, 1)
    assert machine.has_room(1)


WALKER = World(Thing(linear(10, 40, 1), luma=200), frames=60)


class Slow(Eyes):
    """A machine of which each picture takes 0.1 s of its core, asked once a picture.

    Attributes:
        idle_s: in which it had nothing to do.
    """

    def __init__(self):
        super().__init__(WALKER)
        self.busy_s = self.idle_s = 0.0

    def spent_s(self):
        self.busy_s += 0.1
        return self.busy_s

    def now(self):
        return self.busy_s + self.idle_s


class SlowEyes(Slow):
    """Likewise, of a detector that is no core: each look at one picture in three takes 0.3 s."""

    def spent_s(self):
        return 0.0

    def detect(self, frame):
        self.busy_s += 0.3
        return super().detect(frame)


def is_answer(message):
    return message["type"] in {"taken", "dropped"}


@pytest.mark.parametrize("kind", [Slow, SlowEyes])
def test_a_camera_that_leaves_too_little_is_told_so_by_the_socket_and_opens_nothing(tmp_path, kind):
    slow = kind()
    pool = DetectorPool(slow, 1, 600.0, slow.now)
    capacity = Capacity(1, slow.spent_s, slow.now)
    analysis = Analysis(
        lambda name: pool.lane(name, live=True),
        Hidden({0: "person"}, {0: 0.3}, {0: 0.3}),
        Hiding(effect="solid"),
        Looking(every=3, latency="low"),
    )
    cameras = BrowserCameras(5, analysis, capacity)
    offer = {"codec": "h264", "width": WALKER.size[0], "height": WALKER.size[1]}
    with serving(tmp_path, (), cameras) as server, Client(server) as one:
        one.hello("camera", camera=offer).next("welcome")
        walk = itertools.cycle(pushes(WALKER))
        for number in itertools.count(1):  # as long as it takes: pictures may be dropped
            if not capacity.has_room(["camera 1"]):
                break
            one.chunk(number, next(walk)[1])
            while not is_answer(one.next(dict)):
                pass
        with Client(server) as two:
            (refused,), closed = two.hello("camera", camera=offer).end()
        assert refused == {
            "type": "refused",
            "why": "busy",
            "text": "this machine shows 1 camera; one more would leave less than 10 pictures "
            "a second for each",
            "clients": 1,
            "limit": 5,
        }
        assert closed == Closed(1013, "busy")
        assert server.status().refused == {"busy": 1}
        assert pool.lanes == cameras.clients == 1
        slow.idle_s = 6
        with Client(server) as two:
            two.hello("camera", camera=offer).next("welcome")
            assert cameras.clients == 2
    cameras.close("over")
    pool.close()
