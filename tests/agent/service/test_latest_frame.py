"""The last frame that a stream's sink took."""

import gc
import weakref

import numpy as np
import pytest
from worlds import SOLID, Eyes, HandClock, Thing, World, info_of, linear, world_bundle

from agent.blur import Watcher, blur
from agent.frames.cover import Cover
from agent.redact.effect import Effect
from agent.redact.redactor import Redactor
from agent.service.latest_frame import LatestFrame, Shown

WORLD = World(Thing(linear(40, 20), (64, 48)), frames=60)
NOTHING = Cover(())


def redacted(i=0, cover=NOTHING):
    return Redactor(WORLD.size, Effect("solid")).redact(WORLD.frame(i), cover)


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def latest(clock):
    return LatestFrame(info_of(WORLD), clock)


def test_it_tells_what_a_stream_shows_and_how_old_that_is(latest, clock):
    assert latest.shown == Shown((160, 96), 25.0, covered=False)
    assert latest.snapshot(64) is None
    latest.note(redacted(), NOTHING)
    clock.turn(3)
    snapshot = latest.snapshot(64)
    assert (snapshot.size, snapshot.age_s, snapshot.whole) == ((64, 38), 3, None)
    latest.note(redacted(1, Cover.all_of_it("test")), Cover.all_of_it("test"))
    assert latest.shown.covered
    assert latest.snapshot(64).age_s == 0


def test_it_holds_one_frame_and_no_copy(latest):
    frames = [redacted(i) for i in range(20)]
    planes = [weakref.ref(frame.planes[0]) for frame in frames]
    for frame in frames:
        latest.note(frame, NOTHING)
    del frame, frames
    gc.collect()
    assert [plane() is not None for plane in planes] == [False] * 19 + [True]


def test_nobody_writes_to_a_frame_once_it_was_written(tmp_path):
    """An encoder takes planes without a copy, and must leave them as they are."""

    class Keeping(Watcher):
        def __init__(self):
            self.kept = []

        def wrote(self, frame, _cover):
            self.kept.append((frame, [plane.copy() for plane in frame.planes]))

    clip, bundle, watcher = WORLD.write(tmp_path / "in.mp4"), world_bundle(tmp_path), Keeping()
    blur(clip, tmp_path / "out.mp4", bundle, SOLID, watcher=watcher, detector=Eyes(WORLD))
    assert len(watcher.kept) == WORLD.frames
    assert all(
        np.array_equal(plane, before)
        for frame, copies in watcher.kept
        for plane, before in zip(frame.planes, copies, strict=True)
    )


def test_nothing_else_is_kept(latest):
    with pytest.raises(TypeError, match="RedactedFrame"):
        latest.note(WORLD.frame(0), NOTHING)
    assert latest.snapshot(64) is None
