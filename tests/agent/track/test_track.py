"""One object, as keyframes saw it."""

import numpy as np
import pytest

from agent.frames.sighting import Sighting, sightings_of
from agent.track.track import Track
from models.instances import Instances, Mask
from models.outline import Outline


def sighting(index, x, y=20):
    return Sighting(
        index, Outline.from_box(np.float32([x, y, x + 30, y + 30])), 0.9, 0, time_s=index / 25
    )


def test_a_new_track_stands_still():
    track = Track(1, 0, [sighting(5, 10)])
    assert track.velocity(-1).tolist() == [0, 0, 0, 0]
    assert track.predicted(50).tolist() == [10, 20, 40, 50]


def test_velocity_is_of_the_end_that_is_asked_for():
    track = Track(1, 0, [sighting(0, 10), sighting(5, 20), sighting(10, 60, 30)])
    assert track.velocity(0).tolist() == pytest.approx([50, 0, 50, 0])
    assert track.velocity(-1).tolist() == pytest.approx([200, 50, 200, 50])
    assert track.predicted(12 / 25).tolist() == pytest.approx([76, 34, 106, 64])


def test_velocity_is_not_taken_from_frames_that_lie_close_together():
    """Their difference is the jitter of boxes."""
    seconds = [0.0, 0.2, 0.24, 0.28]
    places = [10, 30, 36, 36]
    made = [
        Sighting(i, Outline.from_box(np.float32([x, 20, x + 30, 50])), 0.9, 0, time_s=at_s)
        for i, (x, at_s) in enumerate(zip(places, seconds, strict=True))
    ]
    assert Track(1, 0, made[1:]).velocity(-1)[0] == pytest.approx(6 / 0.08)
    assert Track(1, 0, made).velocity(-1)[0] == pytest.approx(26 / 0.28)


def test_what_only_grows_does_not_move():
    near = Sighting(5, Outline.from_box(np.float32([0, 10, 50, 60])), 0.9, 0, time_s=0.2)
    assert Track(1, 0, [sighting(0, 10), near]).velocity(-1).tolist() == [0, 0, 0, 0]


def test_instances_become_sightings_and_those_without_pixels_do_not():
    def mask(x, value):
        return Mask(x, 8, np.full((10, 10), value, np.uint8))

    boxes = np.float32([[5, 8, 15, 18], [30, 8, 40, 18], [60, 8, 70, 18]])
    scores, classes = np.float32([0.9, 0.8, 0.7]), np.array([2, 1, 0])
    masks = mask(5, 255), mask(30, 0), mask(60, 255)
    found = sightings_of(Instances(boxes, scores, classes, masks), 7)
    assert [(s.index, s.class_id, s.outline.bounds[0]) for s in found] == [(7, 2, 5), (7, 0, 60)]
    boxed = sightings_of(Instances(boxes, scores, classes), 7)
    assert [s.outline.bounds[0] for s in boxed] == [5, 30, 60]
    assert sightings_of(Instances.none(), 7) == []


def test_sightings_are_themselves_and_nothing_else():
    """Two objects that look alike are still two."""
    assert sighting(0, 10) != sighting(0, 10)
