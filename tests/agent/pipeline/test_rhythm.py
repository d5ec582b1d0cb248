"""How often the detector looks."""

import pytest
from worlds import Eyes, World

from agent.detect.pool import DetectorPool
from agent.pipeline.analyst import Analyst
from agent.pipeline.rhythm import AUTO_MARGIN, Rhythm
from agent.track.tracker import Tracker


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
