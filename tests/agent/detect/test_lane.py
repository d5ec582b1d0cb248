"""What belongs to one client of a pool, and what becomes of its tickets in the end."""

import threading

import numpy as np
import pytest
from worlds import Eyes, InvalidAt, grey_frame

from models.errors import FamilyError


class MisfitAt(InvalidAt):
    """A network of another family."""

    def oddly(self, seen):
        raise FamilyError(f"{len(seen)} outputs of another family")


def test_every_lane_learns_for_itself_whether_the_network_is_of_its_family(world, pool_of):
    pool = pool_of(MisfitAt(world, {1}), workers=2)
    first, second = pool.lane("first"), pool.lane("second")
    assert first.wait(first.submit(world.frame(0))).fault is None
    assert first.wait(first.submit(world.frame(1))).fault == "no valid result"
    with pytest.raises(FamilyError, match="another family"):
        second.wait(second.submit(world.frame(1)))
    assert second.wait(second.submit(world.frame(0))).fault is None
    assert second.wait(second.submit(world.frame(1))).fault == "no valid result"


def test_a_fault_does_not_prove_that_the_network_is_of_its_family(world, pool_of):
    class Both(MisfitAt):
        def detect(self, frame):
            return (
                InvalidAt(world, {0}).detect(frame) if frame.index == 0 else super().detect(frame)
            )

    lane = pool_of(Both(world, {1})).lane("door")
    assert lane.wait(lane.submit(world.frame(0))).fault == "no valid result"
    with pytest.raises(FamilyError):
        lane.wait(lane.submit(world.frame(1)))


def test_a_lane_has_its_own_time(world, pool_of, clock):
    class Slow(Eyes):
        def detect(self, frame):
            clock.turn(2)
            return super().detect(frame)

    pool = pool_of(Slow(world), workers=1, now=clock)
    busy, idle = pool.lane("busy"), pool.lane("idle")
    for i in range(3):
        busy.wait(busy.submit(world.frame(i)))
    assert (busy.clock.frames, busy.clock.busy_s) == (3, 6)
    assert (idle.clock.frames, idle.clock.busy_s, idle.waited_s) == (0, 0, 0)
    assert busy.workers == idle.workers == 1


def test_a_live_lane_counts_what_came_late_and_uses_it(world, pool_of, clock):
    class Slow(Eyes):
        def detect(self, frame):
            clock.turn(0.3)
            return super().detect(frame)

    pool = pool_of(Slow(world), workers=1, now=clock)
    camera, file = pool.lane("camera", live=True), pool.lane("file")
    for i in range(3):
        for lane in (camera, file):
            assert len(lane.wait(lane.submit(world.frame(i))).sightings) == 1
    assert (camera.clock.late, file.clock.late) == (3, 0)
    assert (pool.hung, pool.hangs_lately) == (0, 0)


def test_closing_a_lane_drops_what_is_open_in_it_and_nothing_else(pool_of, stepped):
    pool = pool_of(stepped)
    leaving, staying = pool.lane("leaving"), pool.lane("staying")
    frames = [grey_frame(np.full((8, 8), number, np.uint8)) for number in range(2)]
    running, waiting = leaving.submit(frames[0]), leaving.submit(frames[0])
    other = staying.submit(frames[1])
    assert stepped.next() == 0
    leaving.close()
    assert leaving.wait(waiting).fault == "detector closed"
    assert waiting.frame is None
    assert leaving.submit(frames[0]).fault == "detector closed"
    stepped.finish()
    assert stepped.next() == 1
    stepped.finish()
    assert leaving.wait(running).fault == "detector closed"
    assert staying.wait(other).fault is None


def test_a_lane_that_is_closed_waits_for_no_detection_that_runs(pool_of, stepped):
    """Which may hang: whoever waits for it goes on at once, and the next stream's turn comes."""
    pool = pool_of(stepped)
    leaving, staying = pool.lane("leaving"), pool.lane("staying")
    frame = grey_frame(np.zeros((8, 8), np.uint8))
    running = leaving.submit(frame)
    assert stepped.next() == 0
    leaving.close()
    assert leaving.wait(running).fault == "detector closed"
    ticket = staying.submit(frame)
    stepped.finish()
    stepped.next()
    stepped.finish()
    assert staying.wait(ticket).fault is None
    assert running.fault == "detector closed"
    assert (pool.hung, leaving.clock.frames) == (0, 1)


def test_closing_the_pool_leaves_nobody_waiting(pool_of, stepped):
    pool = pool_of(stepped)
    lane = pool.lane("door")
    frame = grey_frame(np.zeros((8, 8), np.uint8))
    running, waiting = lane.submit(frame), lane.submit(frame)
    stepped.next()
    thread = threading.Thread(target=lane.wait, args=(waiting,), daemon=True)
    thread.start()
    pool.close()
    thread.join(60)
    assert not thread.is_alive()
    assert waiting.fault == "detector closed"
    assert lane.submit(frame).fault == "detector closed"
    assert pool.lane("late").submit(frame).fault == "detector closed"
    stepped.finish()
    assert lane.wait(running).fault is None
