"""How often the detector looks."""

import dataclasses
import itertools
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import Eyes, Thing, World, linear

from agent.detect.pool import DetectorPool
from agent.errors import UsageError
from agent.pipeline.analyst import Analyst
from agent.pipeline.rhythm import EVEN_GAP, MAX_GAP_S, Rhythm
from agent.pipeline.rising_time import RisingTime
from agent.track.tracker import Tracker


def keyframes_of(frames, rhythm, world, changes=()):
    """Which of these frames the detector is asked about; `every` changes at some of them."""
    pool, keyframes = DetectorPool(Eyes(world), 2, 10.0), []

    def source():
        for frame in frames:
            if frame.index in changes:
                rhythm.set_every(changes[frame.index])
            yield frame

    tracker = Tracker((0,), {0: 0.25})
    analyst = Analyst(pool.lane("stream"), tracker, rhythm, world.size, {}, 0.0, keyframes.append)
    assert sum(1 for _ in analyst.run(source())) == world.frames
    pool.close()
    return sorted(keyframes)


def timed(world, seconds):
    """The frames of a world, each at its own time."""
    for frame, time_s in zip(world.source(), seconds, strict=True):
        pts = round(time_s * 1e9)
        yield dataclasses.replace(frame, pts=pts, time_base=Fraction(1, 10**9))


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
    assert (rhythm.interval, rhythm.adaptive) == (every, False)


def test_auto_looks_at_most_so_far_apart():
    rhythm = Rhythm("auto", 8)
    assert (rhythm.interval, rhythm.adaptive) == (8, True)


@pytest.mark.parametrize("look_ahead", [True, False])
@pytest.mark.parametrize(("before", "after"), [(5, 1), (2, 8), (8, 3)])
def test_it_can_be_changed_while_a_stream_runs(before, after, look_ahead):
    """From the next frame on, counted from the last keyframe; no frame is lost or moved."""
    world = World(frames=60)
    rhythm = Rhythm(before, look_ahead=look_ahead, max_gap_s=9.0)
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


def test_without_look_ahead_auto_gives_way_at_once():
    world = World(Thing(linear(60, 30)), frames=60)
    rhythm = Rhythm("auto", 30, look_ahead=False, max_gap_s=9.0)
    keyframes = keyframes_of(world.source(), rhythm, world, {31: 1})
    assert set(range(31, 60)) <= set(keyframes)
    assert len(keyframes) < 35


@pytest.mark.slow
@pytest.mark.parametrize("every", [2, 5, 30, "auto"])
@pytest.mark.parametrize("look_ahead", [True, False])
@pytest.mark.parametrize("fps", [0.2, 1, 3, 6, 6.25, 8, 9.3])
def test_below_nine_frames_a_second_every_frame_is_looked_at(every, look_ahead, fps):
    world = World(frames=12)
    rhythm = Rhythm(every, 30, look_ahead=look_ahead)
    frames = timed(world, [i / fps for i in range(12)])
    assert keyframes_of(frames, rhythm, world) == list(range(12))


@pytest.mark.parametrize(
    ("fps", "every", "expected"), [(24, 5, 5), (25, 5, 5), (60, 5, 5), (25, 30, 5), (100, 30, 18)]
)
def test_otherwise_the_number_holds_as_far_as_time_allows(fps, every, expected):
    world = World(frames=61)
    frames = timed(world, [i / fps for i in range(61)])
    found = keyframes_of(frames, Rhythm(every), world)
    assert found == sorted({*range(0, 61, expected), 60})


@pytest.mark.slow
@pytest.mark.parametrize("max_gap_s", [0.01, 0.17, 1.0, 60.0])
@pytest.mark.parametrize("fps", [7, 11, 12.5, 14, 17, 29.97, 240])
def test_no_interval_is_more_than_a_quarter_longer_than_the_gap(fps, max_gap_s):
    world = World(frames=61)
    frames = timed(world, [i / fps for i in range(61)])
    found = keyframes_of(frames, Rhythm(30, max_gap_s=max_gap_s), world)
    longest = max(after - before for before, after in itertools.pairwise(found))
    assert longest == 1 or longest / fps <= 1.25 * max_gap_s + 1e-6
    assert longest == 30 or (longest + 1) / fps > max_gap_s  # nor is it shorter than it need be


@pytest.mark.slow
@pytest.mark.parametrize("every", [5, 30, "auto"])
@pytest.mark.parametrize("fps", [8, 10, 12])
def test_a_source_that_falls_from_30_frames_a_second_is_looked_at_no_more_seldom(every, fps):
    """Not at the moment of the fall either: the frame before it is a keyframe then."""
    world = World(frames=80)
    for fall in range(40, 46):
        seconds = [min(i, fall) / 30 + max(0, i - fall) / fps for i in range(80)]
        looks = keyframes_of(timed(world, seconds), Rhythm(every, 30), world)
        for before, after in itertools.pairwise(looks):
            between_s = seconds[after] - seconds[before]
            assert after - before == 1 or between_s <= EVEN_GAP * MAX_GAP_S + 1e-6


@pytest.mark.parametrize(
    ("fps", "expected"), [(60, 5), (30, 5), (29.97, 5), (25, 4), (24, 4), (12, 2), (10, 1), (5, 1)]
)
def test_strict_means_no_interval_is_longer_than_the_gap(fps, expected):
    world = World(frames=41)
    frames = timed(world, [i / fps for i in range(41)])
    found = keyframes_of(frames, Rhythm(5, strict=True), world)
    assert found == sorted({*range(0, 41, expected), 40})


@pytest.mark.slow
@pytest.mark.parametrize("every", [5, "auto"])
@pytest.mark.parametrize("fps", [6.5, 10])
@pytest.mark.parametrize("look_ahead", [True, False])
def test_a_strict_bound_holds_through_a_fall_of_the_frame_rate(every, fps, look_ahead):
    """Without look-ahead the frame that came late is the first look that can still be had."""
    world = World(frames=80)
    most_s = MAX_GAP_S + (0 if look_ahead else 1 / fps - 1 / 30)
    for fall in range(40, 46):
        seconds = [min(i, fall) / 30 + max(0, i - fall) / fps for i in range(80)]
        rhythm = Rhythm(every, 30, look_ahead=look_ahead, strict=True)
        looks = keyframes_of(timed(world, seconds), rhythm, world)
        for before, after in itertools.pairwise(looks):
            between_s = seconds[after] - seconds[before]
            bound_s = MAX_GAP_S if before >= fall else most_s
            assert after - before == 1 or between_s <= bound_s + 1e-6


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.sampled_from([1 / 60, 1 / 30, 1 / 12, 0.1, 0.16, 0.2, 0.3]), max_size=60),
    st.booleans(),
)
def test_however_unevenly_frames_come_two_looks_are_close_or_of_neighbours(steps_s, strict):
    seconds = [0.0, *itertools.accumulate(steps_s)]
    world = World(frames=len(seconds))
    looks = keyframes_of(timed(world, seconds), Rhythm(30, strict=strict), world)
    longest_s = MAX_GAP_S if strict else EVEN_GAP * MAX_GAP_S
    for before, after in itertools.pairwise(looks):
        between_s = seconds[after] - seconds[before]
        assert after - before == 1 or between_s <= longest_s + 1e-6


def test_a_longer_gap_can_be_asked_for():
    world = World(frames=21)
    frames = timed(world, [float(i) for i in range(21)])
    found = keyframes_of(frames, Rhythm(30, max_gap_s=4.5), world)
    assert found == [0, 5, 10, 15, 20]


@pytest.mark.parametrize("every", [5, "auto"])
def test_both_sides_of_a_pause_are_keyframes(every):
    """Time counts and not the number of frames: a doorbell sends pictures when something moves.

    What it sent last is seen until it sends the next.
    """
    world = World(frames=20)
    seconds = [i / 30 + (i >= 8) * 3 + (i >= 9) * 3 for i in range(20)]
    assert {7, 8, 9} <= set(keyframes_of(timed(world, seconds), Rhythm(every), world))


@pytest.mark.parametrize("step_ns", [-(10**9), 0, 1, 1000])
def test_a_broken_clock_keeps_no_more_than_a_fast_one(step_ns):
    """Keyframes are kept by their time; a clock that hardly moves must not keep them all."""
    world, times = World(), RisingTime()
    frames = (
        dataclasses.replace(world.frame(0), pts=i * step_ns, time_base=Fraction(1, 10**9))
        for i in range(100)
    )
    seconds = [times.of(frame) for frame in frames]
    assert all(after - before >= 0.99e-3 for before, after in itertools.pairwise(seconds))


@pytest.mark.parametrize("back_s", [3.0, 1e-9, 0.0])
def test_time_that_goes_back_changes_neither_order_nor_rhythm(back_s):
    world = World(Thing(linear(10, 30, 2)), frames=21)
    seconds = [i / 25 - (i >= 8) * (back_s + 1 / 25) for i in range(21)]
    assert keyframes_of(timed(world, seconds), Rhythm(5), world) == [0, 5, 10, 15, 20]
