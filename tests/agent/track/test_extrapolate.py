"""Where things are when nobody knows what comes next."""

import numpy as np
import pytest

from agent.frames.sighting import Sighting
from agent.track.extrapolate import MAX_GROWTH, WAY, extrapolated
from agent.track.placed import Moment
from agent.track.tracker import Keyframe, Tracker
from models.outline import Outline

SIZE = (160, 96)


def tracker_of(*keyframes, scene_step=0.0):
    """Keyframes as (index, left edge in the frame or None), 25 frames a second."""
    tracker = Tracker((0,), {0: 0.25})
    for index, x in keyframes:
        found = ()
        if x is not None:
            outline = Outline.from_box(np.float32([x, 20, x + 40, 60]))
            at = np.array([scene_step * index, 0.0])
            found = (Sighting(index, outline, 0.9, 0).in_scene(at, SIZE, index / 25),)
        tracker.update(Keyframe(index, index / 25, 0, found))
    return tracker


def hidden(tracker, index, scene_x=0.0):
    return list(extrapolated(tracker, Moment(index, index / 25, np.array([scene_x, 0.0]))))


def test_at_a_keyframe_only_what_was_seen_is_hidden():
    (placed,) = hidden(tracker_of((0, 10), (5, 30)), 5)
    assert (placed.bounds[0], placed.grow_px) == (30, 0)


def test_it_goes_on_grows_with_the_way_and_stays_hidden_where_it_was():
    going, resting = hidden(tracker_of((0, 10), (5, 30)), 7)
    moved = 4 * 2 * WAY
    assert going.bounds[0] == pytest.approx(30 + moved)
    assert going.grow_px == pytest.approx(min(moved, MAX_GROWTH * 40))
    assert (resting.bounds[0], resting.grow_px) == (30, 0)


def test_growth_has_an_end():
    going, _ = hidden(tracker_of((0, 10), (5, 45)), 9)
    assert going.grow_px == pytest.approx(MAX_GROWTH * 40)


def test_what_is_new_is_hidden_in_the_scene_and_in_the_frame():
    """Nobody knows yet whether the camera, which moves, follows it."""
    going, resting = hidden(tracker_of((5, 30), scene_step=-3.0), 7, scene_x=-21.0)
    in_frame = -21.0
    assert going.bounds[0] + in_frame == 30 - 6
    assert resting.bounds[0] + in_frame == 30


def test_what_was_missed_is_held_for_a_while_and_no_longer():
    tracker = tracker_of((0, 10), (5, 10), *((index, None) for index in range(6, 20)))
    shown = [index for index in range(6, 20) if hidden(tracker, index)]
    assert shown == [6, 7, 8, 9]  # for `HOLD_S`, 0.15 s


def test_it_is_held_through_a_keyframe_that_missed_it_however_far_that_was():
    tracker = tracker_of((0, 10), (5, 10))
    assert hidden(tracker, 9)
    tracker.update(Keyframe(10, 0.4, 0, ()))
    assert hidden(tracker, 10)
    assert not hidden(tracker, 11)
