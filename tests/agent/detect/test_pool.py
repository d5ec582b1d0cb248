"""Workers that may fail, lie or hang, and a network that is fed from planes."""

import threading
import time

import numpy as np
import pytest
from worlds import (
    BlindAt,
    Eyes,
    FailingAt,
    HangingAt,
    InvalidAt,
    NanAt,
    NanScoresAt,
    OutsideAt,
    Thing,
    Unhurried,
    World,
    linear,
)

from agent.detect.pool import MOST_HUNG, DetectorPool, NetworkDetector
from models.decode import YoloSegDecoder
from models.errors import InferenceError
from models.instances import Instances, Mask
from models.preprocess import InputSpec


@pytest.fixture
def world():
    return World(Thing(linear(10, 8, 2)))


@pytest.fixture
def pool_of():
    """Pools that are closed in the end."""
    pools = []

    def make(detector, workers=2, timeout_s=10.0):
        pools.append(DetectorPool(detector, workers, timeout_s))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


def test_a_ticket_holds_what_was_seen_in_its_own_frame(world, pool_of):
    pool = pool_of(Unhurried(world), workers=4)
    tickets = [pool.submit(world.frame(i)) for i in range(20)]
    for i, ticket in enumerate(tickets):
        (sighting,) = pool.wait(ticket).sightings
        assert sighting.index == i
        assert sighting.outline.bounds.tolist() == [10 + 2 * i, 8, 42 + 2 * i, 40]


def test_a_ticket_lets_its_frame_go(world, pool_of):
    pool = pool_of(Eyes(world))
    assert pool.wait(pool.submit(world.frame(0))).frame is None


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
def test_a_result_is_good_or_a_fault_and_the_next_one_is_unharmed(world, pool_of, kind, fault):
    pool = pool_of(kind(world, {3}), workers=1)
    bad, good = pool.submit(world.frame(3)), pool.submit(world.frame(4))
    assert pool.wait(bad).fault == fault
    assert bad.sightings == ()
    assert pool.wait(good).fault is None
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


def test_an_instance_without_pixels_is_left_out(world, pool_of):
    pool = pool_of(WithoutPixels())
    ticket = pool.wait(pool.submit(world.frame(0)))
    assert ticket.fault is None
    assert [s.outline.bounds.tolist() for s in ticket.sightings] == [[10, 10, 20, 20]]


def test_the_earliest_frame_is_seen_first(world, pool_of):
    eyes = HangingAt(world, {0})
    pool = pool_of(eyes, workers=1)
    tickets = [pool.submit(world.frame(i)) for i in (0, 9, 3, 6)]
    while not eyes.seen:
        time.sleep(0.001)
    eyes.release()
    for ticket in tickets:
        pool.wait(ticket)
    assert eyes.seen == [0, 3, 6, 9]


def test_a_hung_worker_is_replaced(world, pool_of):
    eyes = HangingAt(world, {0})
    pool = pool_of(eyes, workers=1, timeout_s=0.1)
    began = time.monotonic()
    stuck = pool.submit(world.frame(0))
    assert pool.wait(stuck).fault == "detector timed out"
    assert 0.05 < time.monotonic() - began < 5
    assert pool.wait(pool.submit(world.frame(1))).fault is None
    eyes.release()
    time.sleep(0.05)
    assert stuck.fault == "detector timed out"  # what comes too late is not believed


def test_a_ticket_behind_a_hung_one_is_not_stuck(world, pool_of):
    """Looking closer before a keyframe asks for a frame while the only worker hangs on a later."""
    eyes = HangingAt(world, {20})
    pool = pool_of(eyes, workers=1, timeout_s=0.1)
    later = pool.submit(world.frame(20))
    while not eyes.seen:
        time.sleep(0.001)
    earlier = pool.submit(world.frame(10))
    waited = threading.Thread(target=pool.wait, args=(earlier,), daemon=True)
    waited.start()
    waited.join(5)
    assert not waited.is_alive()
    assert earlier.fault is None
    assert pool.wait(later).fault == "detector timed out"
    eyes.release()


def test_waiting_in_line_is_no_fault(world, pool_of):
    """Only the time of the detection itself counts."""

    class Slow(Eyes):
        def detect(self, frame):
            time.sleep(0.06)
            return super().detect(frame)

    pool = pool_of(Slow(world), workers=1, timeout_s=0.3)
    tickets = [pool.submit(world.frame(i)) for i in range(10)]
    assert [pool.wait(ticket).fault for ticket in tickets[::-1]] == [None] * 10


def test_after_too_many_hung_workers_nothing_is_asked_any_more(world, pool_of):
    eyes = HangingAt(world, range(40))
    pool = pool_of(eyes, workers=1, timeout_s=0.05)
    for i in range(MOST_HUNG):
        assert pool.wait(pool.submit(world.frame(i))).fault == "detector timed out"
    asked = len(eyes.seen)
    began = time.monotonic()
    tickets = [pool.submit(world.frame(i)) for i in range(3, 40)]
    assert {pool.wait(ticket).fault for ticket in tickets} == {"detector timed out"}
    assert all(ticket.frame is None for ticket in tickets)  # none piles up
    assert time.monotonic() - began < 0.5
    assert len(eyes.seen) <= asked + 1
    eyes.release()


def test_closing_lets_idle_workers_go(world):
    before = set(threading.enumerate())
    pool = DetectorPool(Eyes(world), 3, 10)
    workers = set(threading.enumerate()) - before
    assert len(workers) == 3
    assert all(worker.daemon for worker in workers)
    pool.close()
    for worker in workers:
        worker.join(5)
    assert not any(worker.is_alive() for worker in workers)


def test_the_clock_sums_up_all_workers(world, pool_of):
    pool = pool_of(Unhurried(world), workers=3)
    for ticket in [pool.submit(world.frame(i)) for i in range(12)]:
        pool.wait(ticket)
    assert pool.clock.frames == 12
    assert pool.clock.busy_s > sum((i * 7919 % 13) / 1000 for i in range(12))
    assert pool.waited_s > 0


class OneBox:
    """A network that claims one box in the middle of its 64 px input, or NaN."""

    def __init__(self, value=0.8):
        self.images = []
        self._outputs = np.zeros((1, 37, 84), np.float32), np.ones((1, 32, 16, 16), np.float32)
        self._outputs[0][0, :5, 0] = 32, 32, 16, 16, value
        self._outputs[0][0, 5, 0] = 9

    def run(self, image):
        self.images.append(image)
        return self._outputs


def network_detector(network):
    spec = InputSpec(height=64, width=64)
    return NetworkDetector(network, YoloSegDecoder(spec, 1), spec, 0.1)


def test_a_network_is_fed_and_read_in_the_coordinates_of_the_frame(world):
    network = OneBox()
    found = network_detector(network).detect(world.frame(0))
    (image,) = network.images
    assert image.shape == (1, 3, 64, 64)
    assert image.dtype == np.float32
    # 160x96 fits into 64x64 at 0.4, so the input's middle is the frame's.
    assert found.boxes.round().tolist() == [[60, 28, 100, 68]]
    assert found.masks is not None


def test_a_network_that_gives_nan_gives_no_result(world):
    with pytest.raises(InferenceError, match="finite"):
        network_detector(OneBox(float("nan"))).detect(world.frame(0))
