"""How often the detector looks."""

import pytest
from worlds import Eyes, Thing, World, linear

from agent.detect.pool import DetectorPool
from agent.errors import UsageError
from agent.pipeline.analyst import Analyst
from agent.pipeline.rhythm import AUTO_MARGIN, Rhythm
from agent.track.tracker import Tracker


@pytest.mark.parametrize("odd", [0, -3, 31, 10_000, 2.5, True, "often", None, "5"])
def test_what_can_not_be_asked_for_is_refused_and_changes_nothing(odd):
    """From outside, too: with 10,000 a stream would rest on one result for minutes."""
    rhythm = Rhythm(5)
    for ask in (rhythm.set_every, Rhythm):
        with pytest.raises(UsageError, match=r"from 1 .* to 30, or auto"):
            ask(odd)
    assert rhythm.interval == 5


@pytest.mark.parametrize("every", [1, 5, 30])
def test_a_number_is_the_interval(every):
    rhythm = Rhythm(every)
    assert (rhythm.interval, rhythm.adaptive, rhythm.margin) == (every, False, 0.0)


def test_auto_looks_at_most_so_far_apart_and_grows_outlines():
    rhythm = Rhythm("auto", 8)
    assert (rhythm.interval, rhythm.adaptive, rhythm.margin) == (8, True, AUTO_MARGIN)


@pytest.mark.parametrize("look_ahead", [True, False])
@pytest.mark.parametrize(("before", "after"), [(5, 1), (2, 8), (8, 3)])
def test_it_can_be_changed_while_a_stream_runs(before, after, look_ahead):
    """From the next frame on, counted from the last keyframe; no frame is lost or moved."""
    world = World(frames=60)
    rhythm = Rhythm(before, look_ahead=look_ahead)
    pool = DetectorPool(Eyes(world), 2, 10.0)
    keyframes = []
    analyst = Analyst(
        pool.lane("stream"), Tracker((0,), {0: 0.25}), rhythm, world.size, {}, 0.0, keyframes.append
    )

    def source():
        for frame in world.source():
            if frame.index == 31:
                rhythm.set_every(after)
            yield frame

    left = [frame.index for frame, cover in analyst.run(source()) if cover.whole is None]
    pool.close()
    assert left == list(range(60))
    last = max(index for index in keyframes if index <= 30)
    then = max(31, last + after)
    expected = {*range(0, 31, before), *range(then, 60, after)}
    assert set(keyframes) == expected | ({59} if look_ahead else set())


def keyframes_and_growth(rhythm, change_at, every):
    """Keyframes, and by how much the outline of a thing at rest grew, frame by frame."""
    world = World(Thing(linear(60, 30)), frames=60)
    pool, keyframes = DetectorPool(Eyes(world), 2, 10.0), []
    analyst = Analyst(
        pool.lane("stream"),
        Tracker((0,), {0: 0.25}),
        rhythm,
        world.size,
        {},
        0.0,
        keyframes.append,
    )

    def source():
        for frame in world.source():
            if frame.index == change_at:
                rhythm.set_every(every)
            yield frame

    growth = [cover.outlines[0].grow_px for _, cover in analyst.run(source())]
    pool.close()
    return keyframes, growth


@pytest.mark.parametrize("look_ahead", [True, False])
def test_frames_that_auto_looked_at_keep_its_margin(look_ahead):
    """They rest on keyframes as far apart as auto put them, whatever holds for later ones."""
    rhythm = Rhythm("auto", 8, look_ahead=look_ahead)
    _, growth = keyframes_and_growth(rhythm, 31, 2)
    assert min(growth[:31]) == pytest.approx(AUTO_MARGIN * 32)
    assert max(growth[31:]) == pytest.approx(0)


def test_without_look_ahead_auto_gives_way_at_once():
    rhythm = Rhythm("auto", 30, look_ahead=False)
    keyframes, _ = keyframes_and_growth(rhythm, 31, 1)
    assert set(range(31, 60)) <= set(keyframes)
