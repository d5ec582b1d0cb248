"""Where things are between keyframes: worlds with known answers."""

import numpy as np
import pytest
from worlds import Eyes, Thing, World, linear

from agent.frames.sighting import Sighting, sightings_of
from agent.track.interpolate import interpolated
from agent.track.placed import Moment
from agent.track.tracker import Keyframe, Tracker
from models.outline import GRID, Outline, render

SIZE = (160, 96)


def tracked(world, keyframes, scene_of=lambda _i: 0):
    """A tracker that saw a world at some frames."""
    eyes, tracker = Eyes(world), Tracker((0,), {0: 0.25})
    for index in keyframes:
        seen = sightings_of(eyes.detect(world.frame(index)), index)
        found = [sighting.in_scene(np.zeros(2), SIZE, index / 25) for sighting in seen]
        tracker.update(Keyframe(index, index / 25, scene_of(index), tuple(found)))
    return tracker


def moment(index):
    """A frame of a camera at rest, 25 a second."""
    return Moment(index, index / 25, np.zeros(2))


def hidden(tracker, index, grow_px=0.0):
    """bool [h, w]: what the tracker hides in a frame, and how much of it is growth."""
    found = list(interpolated(tracker, moment(index)))
    return painted(found, grow_px), max((placed.grow_px for placed in found), default=0.0)


def painted(found, grow_px=0.0):
    """bool [h, w]: what outlines hide of a frame."""
    whole = np.zeros(SIZE[::-1], bool)
    for placed in found:
        x, y, pixels = render(placed.bounds, placed.field, placed.grow_px + grow_px, SIZE)
        whole[y : y + pixels.shape[0], x : x + pixels.shape[1]] |= pixels > 0
    return whole


def overlap(a, b):
    return (a & b).sum() / max(1, (a | b).sum())


@pytest.mark.parametrize("every", [2, 3, 5, 8])
@pytest.mark.parametrize("step", [(2, 0), (-1, 1), (3, 1), (0, 0)])
@pytest.mark.parametrize("is_round", [True, False])
def test_linear_motion_is_followed_exactly(every, step, is_round):
    start = 100 if step[0] < 0 else 4
    world = World(Thing(linear(start, 8, *step), round=is_round))
    last = 4 * every
    tracker = tracked(world, range(0, last + 1, every))
    for index in range(last + 1):
        guess, *_ = interpolated(tracker, moment(index))
        assert overlap(painted([guess]), world.truth(index)) >= 0.9
        assert guess.grow_px == pytest.approx(0, abs=0.3)


def test_what_was_seen_stays_hidden_where_it_was_seen_in_the_nearer_half_of_an_interval():
    """Whatever is guessed of the motion between."""
    world = World(Thing(linear(10, 8, 4)))
    tracker = tracked(world, range(0, 31, 5))
    for index in range(30):
        whole, _ = hidden(tracker, index)
        assert not (world.truth(5 * round(index / 5)) & ~whole).any()
    assert not hidden(tracker, 17)[0][:, :40].any()  # and the way behind is free again


@pytest.mark.parametrize("camera_follows", [True, False])
def test_it_stays_in_the_frame_where_the_camera_follows_and_else_in_the_scene(camera_follows):
    """Scene and object part ways; the object is where it moves least."""
    tracker = Tracker((0,), {0: 0.25})
    for number in range(5):
        index, scene_at = 5 * number, np.array([-20.0 * number, 0])
        x = 60 if camera_follows else 90 + scene_at[0] + 3 * number
        seen = Sighting(index, Outline.from_box(np.float32([x, 20, x + 30, 50])), 0.9, 0)
        found = (seen.in_scene(scene_at, SIZE, index / 25),)
        tracker.update(Keyframe(index, index / 25, 0, found))
    now = Moment(11, 11 / 25, np.array([-44.0, 0]))
    _, rest = interpolated(tracker, now)
    seen = tracker.tracks[0].sightings[2]
    assert rest.bounds[0] == (seen.in_frame[0] + 44 if camera_follows else seen.outline.bounds[0])


def test_one_that_may_be_another_is_held_as_if_one_had_gone_and_the_other_come():
    """A cover that glides from who left to a bystander shows both."""
    world = World(Thing(linear(20, 30, dies=13)), Thing(linear(50, 30, born=13)))
    tracker = tracked(world, range(0, 31, 5))
    assert len(tracker.tracks) == 1  # they are taken for one
    for index in range(31):
        assert not (world.truth(index) & ~hidden(tracker, index)[0]).any()


def test_a_keyframe_shows_what_was_seen_and_not_what_was_guessed():
    world = World(Thing(lambda i: (10 + (7 * i) % 20, 20), round=True))
    tracker = tracked(world, range(0, 21, 5))
    for index in (5, 10, 15):
        whole, growth = hidden(tracker, index)
        assert overlap(whole, world.truth(index)) > 0.93
        assert growth == 0


@pytest.mark.parametrize("every", [3, 5, 8])
def test_a_bent_path_is_covered_by_growth(every):
    world = World(Thing(lambda i: (5 + i * i // 16, 20)))
    tracker = tracked(world, range(0, 5 * every, every))
    for index in range(4 * every):
        whole, _ = hidden(tracker, index, grow_px=1.0)  # the margin of one pixel for rounding
        assert (whole | ~world.truth(index)).all()


def test_cover_grows_most_half_way():
    world = World(Thing(lambda i: (5 + i * i // 8, 20)))
    tracker = tracked(world, range(0, 33, 8))
    growth = [hidden(tracker, index)[1] for index in range(8, 17)]
    assert growth[0] == growth[-1] == 0
    assert max(growth) == growth[4] > 0.5


@pytest.mark.parametrize("gap", [10, 15])
def test_a_track_is_hidden_through_keyframes_that_missed_it(gap):
    world = World(Thing(linear(4, 8, 2)))
    blind = World()
    eyes, no_eyes, tracker = Eyes(world), Eyes(blind), Tracker((0,), {0: 0.25})
    for index in range(0, 41, 5):
        looks = no_eyes if 10 < index < 10 + gap else eyes
        seen = sightings_of(looks.detect(world.frame(index)), index)
        found = [sighting.in_scene(np.zeros(2), SIZE, index / 25) for sighting in seen]
        tracker.update(Keyframe(index, index / 25, 0, tuple(found)))
    for index in range(40):
        guess, *_ = interpolated(tracker, moment(index))
        assert overlap(painted([guess]), world.truth(index)) > 0.9


def test_births_are_filled_back_to_the_keyframe_before_and_deaths_held_for_two():
    world = World(Thing(linear(60, 30, born=8, dies=22)))
    tracker = tracked(world, range(0, 41, 5))
    shown = [index for index in range(41) if hidden(tracker, index)[0].any()]
    assert shown == list(range(6, 31))  # seen at 10, 15, 20: from after 5 up to 30


@pytest.mark.parametrize("cut", [13, 15, 18])
def test_nothing_is_hidden_across_a_cut(cut):
    world = World(Thing(linear(60, 30, dies=cut)), Thing(linear(10, 50, born=cut), luma=230))
    keyframes = sorted({*range(0, 31, 5), cut - 1, cut})
    tracker = tracked(world, keyframes, lambda i: int(i >= cut))
    for index in range(31):
        whole, _ = hidden(tracker, index)
        assert overlap(whole, world.truth(index)) > 0.95


def test_an_empty_tracker_places_nothing():
    assert list(interpolated(Tracker((0,), {0: 0.5}), moment(7))) == []


def test_two_outlines_with_nothing_in_common_blend_into_both_and_not_into_none():
    fields = np.full((2, GRID, GRID), -0.4, np.float32)
    fields[0, 30:34, 4:8] = fields[1, 30:34, 50:54] = 0.02
    bounds = np.array([10.0, 10, 60, 60])
    tracker = Tracker((0,), {0: 0.25})
    for index, field in zip((0, 10), fields, strict=True):
        found = (Sighting(index, Outline(bounds, field), 0.9, 0, time_s=index / 25),)
        tracker.update(Keyframe(index, index / 25, 0, found))
    for index in range(1, 10):
        assert all(placed.field.max() > 0 for placed in interpolated(tracker, moment(index)))


def test_with_close_keyframes_births_and_deaths_are_held_by_time():
    """0.15 s: a detector that looks at every frame misses an object for several in a row."""
    world = World(Thing(linear(60, 30, born=20, dies=30)))
    tracker = tracked(world, range(50))
    shown = [index for index in range(50) if hidden(tracker, index)[0].any()]
    assert shown == list(range(17, 34))  # seen from 20 to 29; four frames of 40 ms each way


def test_who_is_cut_off_by_the_edge_is_held_for_a_keyframe_more():
    world = World(Thing(linear(0, 30, born=10, dies=26)))
    tracker = tracked(world, range(0, 51, 5))
    shown = [index for index in range(50) if hidden(tracker, index)[0].any()]
    assert shown == list(range(1, 36))  # seen from 10 to 25, hidden from after 0 up to 35
