"""Linking: one object, one track."""

import numpy as np
import pytest

from distill.data import rle
from distill.label.detection import Detection
from distill.label.labelled_frame import LabelledFrame
from distill.label.linking import cropped, link

SIZE = 60, 200


def seen(x, y=20, side=12, score=0.9, class_id=0):
    mask = np.zeros(SIZE, np.uint8)
    mask[max(0, y) : y + side, max(0, x) : x + side] = 1
    return Detection.of_mask(class_id, score, rle.encode(mask))


def frames(*rows, every=2):
    return [LabelledFrame(every * i, 0.0, SIZE, 0, tuple(row)) for i, row in enumerate(rows)]


def linked(rows, max_gap=2):
    tracks, loose = link(frames(*rows), sure=0.5, begin=0.3, max_gap=max_gap)
    return [{p: s.box[0] for p, s in track.detections.items()} for track in tracks], loose


def test_two_objects_that_pass_one_another_keep_their_tracks():
    rows = [[seen(10 + 6 * i, 10), seen(90 - 6 * i, 30)] for i in range(12)]
    tracks, loose = linked(rows)
    assert [len(track) for track in tracks] == [12, 12]
    assert all(np.diff(list(track.values())).std() == 0 for track in tracks)
    assert not loose


def test_crossing_objects_at_one_height_are_told_apart_by_their_velocity():
    rows = [[seen(10 + 8 * i), seen(154 - 8 * i, 22)] for i in range(19)]
    tracks, _ = linked(rows)
    assert [len(track) for track in tracks] == [19, 19]
    assert np.diff(list(tracks[0].values())).min() > 0 > np.diff(list(tracks[1].values())).max()


def test_a_fast_thing_is_followed_by_its_velocity_through_a_gap():
    rows = [[seen(10 + 7 * i)] for i in range(10)]
    rows[5] = rows[6] = []
    tracks, _ = linked(rows)
    assert [sorted(track) for track in tracks] == [[0, 1, 2, 3, 4, 7, 8, 9]]


def test_a_longer_gap_ends_a_track():
    rows = [[seen(10)] for _ in range(10)]
    rows[4] = rows[5] = rows[6] = []
    assert [sorted(track) for track in linked(rows)[0]] == [[0, 1, 2, 3], [7, 8, 9]]
    assert len(linked(rows, max_gap=3)[0]) == 1


def test_what_is_doubted_goes_on_with_a_track_but_begins_none():
    rows = [[seen(10)], [seen(11, score=0.15)], [seen(12), seen(100, score=0.2)]]
    tracks, loose = linked(rows)
    assert [sorted(track) for track in tracks] == [[0, 1, 2]]
    assert [(position, s.box[0]) for position, s in loose] == [(2, 100)]


def test_a_sure_one_is_matched_before_a_doubted_one_that_lies_closer():
    rows = [[seen(10)], [seen(12, score=0.8), seen(10, score=0.2)]]
    tracks, loose = linked(rows)
    assert tracks == [{0: 10, 1: 12}]
    assert [s.box[0] for _, s in loose] == [10]


def test_classes_are_never_mixed():
    tracks, _ = linked([[seen(10)], [seen(10, class_id=1)], [seen(10)]])
    assert sorted(map(sorted, tracks)) == [[0, 2], [1]]


@pytest.mark.parametrize("rows", [[], [[]], [[], []]])
def test_nothing_gives_nothing(rows):
    assert linked(rows) == ([], [])


def test_a_mask_within_its_box_is_that_of_the_whole_image():
    rng = np.random.default_rng(5)
    for _ in range(20):
        mask = np.zeros(SIZE, np.uint8)
        y0, x0 = rng.integers(0, 50), rng.integers(0, 190)
        mask[y0 : y0 + 30, x0 : x0 + 40] = rng.random(mask[y0 : y0 + 30, x0 : x0 + 40].shape) > 0.4
        one = Detection.of_mask(0, 0.9, rle.encode(mask))
        x0, y0, x1, y1 = map(int, one.box)
        assert np.array_equal(cropped(one), mask[y0:y1, x0:x1])
