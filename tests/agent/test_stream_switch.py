"""A stream that goes on with another model: between two frames, and nothing of the old one is left."""

import gc
import weakref

import numpy as np
import pytest
from worlds import Eyes, HangingAt, NanScoresAt, leaks, until

from agent.detect.pool import DetectorPool
from models.errors import FamilyError
from tests.agent.test_stream import CAR, PERSON, hidden, labels, pictures, run

BOTH = hidden(PERSON, CAR)


class Misfit(Eyes):
    """A network of another family than it claims."""

    def detect(self, frame):
        raise FamilyError(f"nothing that can be read at {frame.index}")


@pytest.fixture
def pool_of(street):
    """A pool of one who sees a street, or another detector."""
    pools = []

    def make(detector=None, **more):
        pools.append(DetectorPool(detector or Eyes(street), 2, more.get("timeout_s", 10.0)))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


def to(pool, what):
    return lambda stream: stream.switch(pool.lane("street", proven=True), what)


@pytest.mark.slow
@pytest.mark.parametrize("every", [1, 5, "auto"])
@pytest.mark.parametrize("latency", ["normal", "short", "low"])
def test_frames_before_are_the_old_models_and_frames_after_the_new_ones(
    street, pool_of, latency, every
):
    """Row 4: none is covered whole for it, and either side is as if the other had not been."""
    how = {"latency": latency, "every": every}
    old, new = Eyes(street), Eyes(street, score=0.8)
    pools = pool_of(old), pool_of(new)
    album, journal = run(street, pools[0], hidden(PERSON), {30: to(pools[1], hidden(CAR))}, **how)
    assert [cover.whole for cover in album.covers] == [None] * 60
    seen = [labels(cover) for cover in album.covers]
    switch = seen.index({"car"})
    assert 20 < switch <= 30
    assert seen == [{"person"}] * switch + [{"car"}] * (60 - switch)
    assert max(old.seen) < switch == min(new.seen)
    assert len(old.seen) + len(new.seen) == journal.keyframes
    assert [pool.lanes for pool in pools] == [0, 0]
    before, _ = run(street, pool_of(), hidden(PERSON), end=switch, **how)
    after, _ = run(street, pool_of(), hidden(CAR), first=switch, **how)
    alone = pictures(before) + pictures(after)
    assert all(map(np.array_equal, pictures(album), alone))


@pytest.mark.slow
def test_models_that_follow_each_other_closely_lose_no_frame_and_leave_no_lane(street, pool_of):
    pools = [pool_of() for _ in range(3)]

    def thrice(i):
        return lambda stream: [to(pools[(i + k) % 3], BOTH)(stream) for k in range(3)]

    changes = {i: thrice(i) for i in range(1, 60, 2)}
    album, _ = run(street, pools[0], BOTH, changes)
    assert [cover.whole for cover in album.covers] == [None] * 60
    assert leaks(pictures(album)) == {}
    assert [pool.lanes for pool in pools] == [0, 0, 0]


def test_the_old_lane_is_closed_once_its_frames_have_left(street, pool_of):
    """And not only with the stream: what holds a model in memory is let go."""
    old, lanes = pool_of(), []
    changes = {20: to(pool_of(), BOTH), 50: lambda _: lanes.append(old.lanes)}
    run(street, old, BOTH, changes)
    assert lanes == [0]


def test_nothing_of_the_old_model_is_held(street):
    class Heavy(Eyes):
        """One whose end is seen."""

        def __init__(self):
            super().__init__(street)
            self.pool = DetectorPool(self, 2, 10.0)

        def lane(self, name):
            return self.pool.lane(name)

    old, new = [Heavy()], DetectorPool(Eyes(street), 2, 10.0)
    is_there, gone = weakref.ref(old[0]), []

    def look(_):
        gc.collect()
        gone.append(is_there() is None)

    def leave(_):
        old.pop().pool.close()

    class First:
        """Who gives the stream its first lane, and is held by it no longer."""

        def lane(self, name):
            return old[0].lane(name)

    run(street, First(), BOTH, {20: to(new, BOTH), 45: leave, 55: look})
    new.close()
    assert gone == [True]


def test_a_model_of_another_family_is_a_fault_and_no_end_of_the_stream(street, pool_of):
    """Frames are covered whole until another one runs."""
    changes = {20: to(pool_of(Misfit(street)), BOTH), 40: to(pool_of(), BOTH)}
    album, _ = run(street, pool_of(), BOTH, changes, every=1)
    whole = [cover.whole for cover in album.covers]
    assert whole.count("no valid result") in range(15, 25)
    assert whole[:15] == whole[45:] == [None] * 15
    assert leaks(pictures(album)) == {}


def test_who_gives_no_numbers_is_covered_until_the_old_one_is_back(street, pool_of):
    bad, good = pool_of(NanScoresAt(street, range(60))), pool_of()

    def back(stream):
        to(good, BOTH)(stream)
        bad.abandon()

    album, _ = run(street, good, BOTH, {20: to(bad, BOTH), 40: back}, every=1)
    assert leaks(pictures(album)) == {}
    whole = [cover.whole is not None for cover in album.covers]
    assert whole.index(True) in range(10, 21)
    assert whole[45:] == [False] * 15


def test_one_that_hangs_is_left_at_once(street, pool_of):
    """Its time-out is not waited for: what it was asked is covered whole, and no more."""
    hanging = HangingAt(street, range(60))
    stuck, good = pool_of(hanging, timeout_s=1e6), pool_of()

    def back(stream):
        until(lambda: len(hanging.seen) >= 2)
        to(good, BOTH)(stream)
        stuck.abandon()

    album, _ = run(street, good, BOTH, {20: to(stuck, BOTH), 24: back}, every=1)
    whole = [cover.whole for cover in album.covers]
    assert set(whole) == {None, "detector closed"}
    assert whole.count("detector closed") <= 12
    assert (stuck.lanes, stuck.hung) == (0, 2)
    assert leaks(pictures(album)) == {}
    hanging.release()
    until(lambda: stuck.hung == 0)
