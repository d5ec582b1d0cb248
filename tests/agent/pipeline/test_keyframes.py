"""Which frames the detector must see."""

import math

import cv2
import numpy as np
import pytest
from worlds import Thing, World, grey_frame, linear

from agent.frames.sighting import Sighting
from agent.pipeline.keyframes import CutFinder, is_unsettled, may_move_unseen_s, needs_another
from agent.track.tracker import Keyframe, Tracker
from models.outline import Outline


def cuts_of(pictures):
    finder = CutFinder()
    return [i for i, picture in enumerate(pictures) if finder.is_cut(grey_frame(picture))]


def noise(seed, low, high, size=(96, 160)):
    return np.random.default_rng(seed).integers(low, high, size, np.uint8)


def test_a_cut_is_the_first_frame_of_a_new_scene():
    world = World(Thing(linear(10, 8, 2)), cuts=[7, 8, 20])
    pictures = [world.luma(i) for i in range(40)]
    assert cuts_of(pictures) == [7, 8, 20]


def test_the_first_frame_is_no_cut():
    assert cuts_of([noise(0, 0, 255)]) == []


def test_things_that_move_are_no_cut():
    world = World(Thing(linear(0, 8, 4), (48, 80)))
    assert cuts_of([world.luma(i) for i in range(40)]) == []


def test_a_camera_that_shakes_makes_no_cuts_but_the_cut_from_it_is_found():
    rng = np.random.default_rng(1)
    wide = np.kron(rng.integers(0, 160, (12, 20)), np.ones((16, 16))).astype(np.uint8)
    shaky = [wide[y : y + 96, x : x + 160] for x, y in rng.integers(0, 8, (30, 2)).tolist()]
    assert cuts_of([*shaky, *(np.full((96, 160), 235, np.uint8) for _ in range(5))]) == [30]


@pytest.mark.parametrize("shown", [1, 2, 25])
def test_a_slide_show_stays_a_slide_show_to_its_end(shown):
    """Pictures that have nothing to do with each other, each for so many frames."""
    slides = [np.kron(noise(i, 0, 255, (6, 10)), np.ones((16, 16), np.uint8)) for i in range(40)]
    pictures = [slide for slide in slides for _ in range(shown)]
    assert cuts_of(pictures) == list(range(shown, 40 * shown, shown))


def test_real_pictures_shown_one_after_the_other_are_cuts(data):
    paths = sorted((data / "coco128-seg" / "images" / "train2017").glob("*.jpg"))[:60]
    pictures = [
        cv2.resize(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), (640, 480)) for path in paths
    ]
    assert len(cuts_of(pictures)) >= 56  # of 59; two photos can be alike


@pytest.mark.parametrize("size", [(2, 2), (96, 16), (1080, 1920)])
def test_any_size_will_do(size):
    dark, light = np.full(size, 20, np.uint8), np.full(size, 220, np.uint8)
    assert cuts_of([dark, dark, light, light]) == [2]


def sighting(index, x, width=30, y=20, height=30):
    box = np.float32([x, y, x + width, y + height])
    return Sighting(index, Outline.from_box(box), 0.9, 0, time_s=index / 25)


def tracker_of(*keyframes):
    tracker = Tracker((0,), {0: 0.25})
    for index, *candidates in keyframes:
        tracker.update(Keyframe(index, index / 25, 0, tuple(candidates)))
    return tracker


def test_what_goes_on_as_it_went_needs_no_second_look():
    tracker = tracker_of((0, sighting(0, 10)), (8, sighting(8, 26)))
    assert not needs_another(tracker, 16, (sighting(16, 42),))


def test_what_turns_needs_a_second_look():
    tracker = tracker_of((0, sighting(0, 10)), (8, sighting(8, 34)))
    assert needs_another(tracker, 16, (sighting(16, 30),))


def test_neighbouring_keyframes_are_close_enough():
    tracker = tracker_of((0, sighting(0, 10)), (2, sighting(2, 34)))
    assert not needs_another(tracker, 4, (sighting(4, 36),))


def test_an_empty_scene_needs_no_second_look():
    assert not needs_another(tracker_of((0,), (8,)), 16, ())


def test_what_came_or_went_needs_a_second_look():
    assert needs_another(tracker_of((0,), (8,)), 16, (sighting(16, 42),))
    tracker = tracker_of((0, sighting(0, 10)), (8, sighting(8, 10)))
    assert needs_another(tracker, 16, ())


def test_nothing_and_what_stands_may_stay_unseen_for_ever():
    still = tracker_of((0, sighting(0, 10)), (8, sighting(8, 10)))
    assert may_move_unseen_s(tracker_of((0,)), 0.25) == may_move_unseen_s(still, 0.25) == math.inf


@pytest.mark.parametrize("step_px", [1, 2, 15])
def test_an_object_moves_at_most_a_share_of_its_smaller_side_unseen(step_px):
    tracker = tracker_of((0, sighting(0, 10)), (1, sighting(1, 10 + step_px)))
    assert may_move_unseen_s(tracker, 0.25) == pytest.approx(0.25 * 30 / (25 * step_px))


def test_what_is_new_or_was_missed_is_unsettled():
    assert is_unsettled(tracker_of((0, sighting(0, 10))))
    seen_twice = (0, sighting(0, 10)), (8, sighting(8, 10))
    assert not is_unsettled(tracker_of(*seen_twice))
    assert is_unsettled(tracker_of(*seen_twice, (16,)))
    assert not is_unsettled(tracker_of((0,)))
