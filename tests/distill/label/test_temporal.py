"""Temporal filter: gaps are filled with what should be there."""

import cv2
import numpy as np
import pytest

from distill.data import rle
from distill.label.detection import Detection
from distill.label.labelled_frame import LabelledFrame
from distill.label.linking import Tracklet
from distill.label.temporal import between, fill, is_long

SIZE = 80, 160


def ball(x, y, radius):
    mask = np.zeros(SIZE, np.uint8)
    cv2.circle(mask, (x, y), radius, 1, -1)
    return mask


def seen(mask):
    return Detection.of_mask(0, 0.9, rle.encode(mask))


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


@pytest.mark.parametrize(("share", "x", "radius"), [(0.25, 50, 11), (0.5, 70, 12), (0.75, 90, 13)])
def test_a_ball_between_two_is_where_it_should_be_and_as_large(share, x, radius):
    middle = between(seen(ball(30, 40, 10)), seen(ball(110, 40, 14)), share)
    assert iou(rle.decode(middle), ball(x, 40, radius)) > 0.9


def test_a_ball_that_leaves_the_picture_is_cut_off_by_its_edge():
    middle = rle.decode(between(seen(ball(5, 40, 12)), seen(ball(-3, 40, 12)), 0.5))
    assert middle.shape == SIZE
    assert middle[:, 0].any()


def test_gaps_are_filled_by_time_and_not_by_count():
    """Between chosen frames lie different times, because some were dropped."""
    track = Tracklet(0)
    track.add(0, 0, seen(ball(20, 40, 10)))
    track.add(2, 10, seen(ball(120, 40, 10)))
    frames = [LabelledFrame(index, 0.0, SIZE, 0, ()) for index in (0, 8, 10)]
    [(position, mask)] = fill(track, frames)
    assert position == 1
    assert iou(rle.decode(mask), ball(100, 40, 10)) > 0.9


def test_a_track_without_gaps_is_left_alone():
    track = Tracklet(0)
    for position in range(3):
        track.add(position, position, seen(ball(20, 40, 10)))
    assert fill(track, [LabelledFrame(i, 0.0, SIZE, 0, ()) for i in range(3)]) == []


def test_near_duplicates_count_for_the_length_of_a_track():
    track = Tracklet(0)
    track.add(1, 2, seen(ball(20, 40, 10)))
    assert not is_long(track, [1, 1, 1], 2)
    assert is_long(track, [1, 2, 1], 2)
