"""Bands: what becomes of scores, short tracks, gaps and cuts."""

import json
from dataclasses import replace

import numpy as np
import pytest

from distill.data import rle
from distill.label.bands import annotate, annotate_still
from distill.label.detection import Detection, detections_of
from distill.label.entries import Moment
from distill.label.labelled_frame import LabelledFrame
from distill.label.tta import unflipped
from models.instances import Instances, Mask
from models.masks import whole_mask
from tests.distill.label.blobs import settings

SIZE = 60, 200


def seen(x, score=0.9, side=12, class_id=0):
    mask = np.zeros(SIZE, np.uint8)
    mask[20 : 20 + side, x : x + side] = 1
    return Detection.of_mask(class_id, score, rle.encode(mask))


def bands(rows, segments=None, times_seen=1, first=1, **changes):
    """For each frame: (x, band, ignored, track, score) of all annotations."""
    frames = [LabelledFrame(2 * i, 0.0, SIZE, 0, tuple(row)) for i, row in enumerate(rows)]
    segments = segments or [0] * len(rows)
    moments = [Moment(2 * i, segment, times_seen) for i, segment in enumerate(segments)]
    found, following = annotate(frames, moments, replace(settings(), **changes), first)
    return [
        [(a.box[0], a.band, a.ignore, a.track_id, a.score) for a in one] for one in found
    ], following


def test_scores_make_bands_and_only_what_is_accepted_counts():
    rows = [[seen(10, 0.5)], [seen(10, 0.49)], [seen(10, 0.3)], [seen(10, 0.29)]]
    assert bands(rows)[0] == [
        [(10, "accept", False, 1, 0.5)],
        [(10, "review", True, 1, 0.49)],
        [(10, "review", True, 1, 0.3)],
        [(10, "ignore", True, 1, 0.29)],
    ]


def test_a_box_whose_mask_is_empty_is_no_mask_to_learn_from():
    """The decoders fill it, because on a device it must be hidden."""
    rows = [[replace(seen(10), placed=False)], [seen(10)], [replace(seen(10, 0.1), placed=False)]]
    assert [one[0][1] for one in bands(rows)[0]] == ["review", "accept", "ignore"]
    frame = LabelledFrame(0, 0.0, SIZE, 0, (rows[0][0], seen(40)))
    assert LabelledFrame.from_json(json.loads(json.dumps(frame.to_json()))) == frame
    assert [one.band for one in annotate_still(frame, settings())] == ["review", "accept"]


def test_what_no_mask_is_of_is_known_to_be_anywhere_in_its_box():
    boxes = np.array([[5, 5, 15, 25], [30, 5, 40, 25]], np.float32)
    masks = (whole_mask((5, 5, 15, 25)), Mask(30, 5, np.full((20, 10), 255, np.uint8)))
    found = Instances(boxes, np.full(2, 0.9, np.float32), np.zeros(2, np.int64), masks)
    for instances in (found, unflipped(unflipped(found, 200), 200)):
        detections = detections_of(instances, {0: 0}, SIZE, 0.1)
        assert [one.placed for one in detections] == [False, True]


def test_a_short_track_is_to_be_ignored_and_is_no_background():
    found, following = bands([[seen(10)], [seen(10)], [], [], []])
    assert found[0] == found[1] == [(10, "ignore", True, None, 0.9)]
    assert following == 1
    assert bands([[seen(10)], [seen(10)]], min_track=2)[0][0][0][1] == "accept"


def test_what_rests_before_a_resting_camera_is_no_short_track():
    assert bands([[seen(10)]], times_seen=3)[0] == [[(10, "accept", False, 1, 0.9)]]


def test_a_gap_is_filled_for_a_person_to_look_at():
    rows = [[seen(10)], [seen(14)], [], [seen(22)]]
    assert bands(rows)[0][2] == [(18, "review", True, 1, None)]
    assert bands(rows, max_gap=0, min_track=1)[0][2] == []


@pytest.mark.parametrize(("step", "after"), [(0, 10), (2, 14), (2, 28)])
def test_where_an_object_was_lost_for_long_is_no_background(step, after):
    """It waited, or went on; a gap of up to three times the longest that is filled."""
    rows = [[seen(10 + step * i)] for i in range(3)] + [[]] * 6
    rows += [[seen(after + step * i)] for i in range(3)]
    for count, expected in ((6, "ignore"), (3, "ignore"), (2, "review")):
        found, following = bands(rows[:3] + rows[3 : 3 + count] + rows[9:])
        assert all(len(one) == 1 for one in found)
        assert {one[0][1] for one in found[3 : 3 + count]} == {expected}
        assert all(one[0][2] and one[0][4] is None for one in found[3 : 3 + count])
        assert following == (2 if count == 2 else 3)


@pytest.mark.parametrize(("gap", "then"), [(7, seen(10)), (6, seen(80)), (6, seen(10, class_id=1))])
def test_what_appears_later_or_elsewhere_or_is_something_else_says_nothing_of_a_gap(gap, then):
    found, _ = bands([[seen(10)]] * 3 + [[]] * gap + [[then]] * 3)
    assert found[3 : 3 + gap] == [[]] * gap


def test_a_long_gap_is_not_bridged_over_a_cut():
    found, _ = bands([[seen(10)]] * 3 + [[]] * 4 + [[seen(10)]] * 3, segments=[0] * 5 + [1] * 5)
    assert found[3:7] == [[]] * 4


def test_nothing_goes_over_a_cut():
    rows = [[seen(10)] for _ in range(8)]
    rows[3] = []
    found, following = bands(rows, segments=[0, 0, 0, 0, 1, 1, 1, 1], first=5)
    assert [one[0][3] if one else None for one in found] == [5, 5, 5, None, 6, 6, 6, 6]
    assert following == 7


def test_a_part_of_something_accepted_does_not_hide_it():
    rows = [[seen(10), seen(12, 0.2, side=8), seen(90, 0.2)] for _ in range(3)]
    assert [x for x, *_ in bands(rows)[0][0]] == [10, 90]


@pytest.mark.parametrize("rows", [[], [[], [], []]])
def test_nothing_gives_nothing(rows):
    assert bands(rows) == ([[] for _ in rows], 1)
