"""Geometry of boxes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.boxes import iou, nms, xyxy_from_cxcywh

corners = arrays(np.float32, (5, 4), elements=st.integers(0, 100).map(float))


def plain_iou(a, b):
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    area = sum(max(0.0, c[2] - c[0]) * max(0.0, c[3] - c[1]) for c in (a, b))
    shared = width * height
    return shared / (area - shared) if area > shared else 0.0


def test_centre_and_size_become_corners():
    boxes = np.array([[10, 20, 4, 6]], np.float32)
    assert xyxy_from_cxcywh(boxes).tolist() == [[8, 17, 12, 23]]


@pytest.mark.slow
@settings(deadline=None)
@given(corners, corners)
def test_iou_is_that_of_the_definition(a, b):
    a[:, 2:] = np.maximum(a[:, 2:], a[:, :2])
    b[:, 2:] = np.maximum(b[:, 2:], b[:, :2])
    expected = [[plain_iou(one, other) for other in b.tolist()] for one in a.tolist()]
    np.testing.assert_allclose(iou(a, b), expected, atol=1e-6)


def test_iou_of_nothing_is_an_empty_table():
    nothing = np.empty((0, 4), np.float32)
    assert iou(nothing, np.ones((3, 4), np.float32)).shape == (0, 3)


@pytest.fixture
def pile():
    """Two boxes that overlap by 0.8, a third apart from them."""
    boxes = np.array([[0, 0, 10, 9], [0, 1, 10, 10], [50, 50, 60, 60]], np.float32)
    return boxes, np.array([0.5, 0.9, 0.3], np.float32)


def test_the_better_of_two_doubles_stays(pile):
    boxes, scores = pile
    keep = nms(boxes, scores, np.zeros(3, np.int64), max_iou=0.7, limit=9)
    assert keep.tolist() == [1, 2]


def test_boxes_below_the_overlap_stay(pile):
    boxes, scores = pile
    keep = nms(boxes, scores, np.zeros(3, np.int64), max_iou=0.81, limit=9)
    assert keep.tolist() == [1, 0, 2]


def test_classes_do_not_suppress_one_another(pile):
    boxes, scores = pile
    assert nms(boxes, scores, np.array([0, 79, 0]), max_iou=0.7, limit=9).tolist() == [1, 0, 2]


def test_the_limit_keeps_the_best(pile):
    boxes, scores = pile
    assert nms(boxes, scores, np.array([0, 1, 0]), max_iou=0.7, limit=2).tolist() == [1, 0]


def test_suppression_of_nothing_is_nothing():
    nothing = np.empty(0, np.float32)
    keep = nms(np.empty((0, 4), np.float32), nothing, nothing.astype(int), max_iou=0.7, limit=9)
    assert keep.shape == (0,)
