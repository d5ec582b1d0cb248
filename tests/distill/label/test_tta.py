"""Flip test-time augmentation: two views become one."""

from dataclasses import replace

import numpy as np
import pytest

from distill.label.tta import merged, predict_flipped, unflipped
from models.instances import Instances, Mask
from models.masks import pasted, whole_mask
from tests.distill.label.blobs import SIZE, BlobTeacher, scene


def one(x, score, class_id=0, value=255):
    return Instances(
        np.array([[x, 5, x + 10, 25]], np.float32),
        np.array([score], np.float32),
        np.array([class_id], np.int64),
        (Mask(x, 5, np.full((20, 10), value, np.uint8)),),
    )


def test_a_world_that_looks_the_same_both_ways_is_seen_as_it_is():
    teacher = BlobTeacher()
    images = [scene(0), scene(9)]
    plain = teacher.predict(images, min_score=0.1)
    for a, both in zip(plain, predict_flipped(teacher, images, min_score=0.1), strict=True):
        b = both.take([both.classes.tolist().index(class_id) for class_id in a.classes.tolist()])
        assert np.array_equal(a.boxes, b.boxes)
        assert a.scores == pytest.approx(b.scores)
        for left, right in zip(a.masks, b.masks, strict=True):
            assert np.array_equal(pasted(left, SIZE), pasted(right, SIZE))


def test_scores_boxes_and_masks_of_a_pair_are_averaged():
    both = merged(one(10, 0.8, value=255), one(12, 0.6, value=101), 0.1)
    assert both.scores == pytest.approx([0.7])
    assert both.boxes.tolist() == [[11, 5, 21, 25]]
    mask = both.masks[0]
    assert (mask.x, mask.y, mask.pixels.shape) == (10, 5, (20, 12))
    assert mask.pixels[0].tolist() == [128] * 2 + [178] * 8 + [51] * 2


def test_what_one_view_alone_can_place_is_there():
    sees, boxed = one(10, 0.8, value=101), one(12, 0.6)
    boxed = replace(boxed, masks=(whole_mask((12, 5, 22, 25)),))
    for both in (merged(sees, boxed, 0.1), merged(boxed, sees, 0.1)):
        assert both.masks == sees.masks
    assert merged(boxed, boxed, 0.1).masks[0].anywhere


def test_what_is_seen_one_way_only_counts_half():
    both = merged(one(10, 0.8), one(100, 0.6), 0.35)
    assert both.scores == pytest.approx([0.4])
    assert len(both.masks) == 1
    both = merged(one(10, 0.8), one(10, 0.6, class_id=1), 0.1)
    assert both.scores == pytest.approx([0.4, 0.3])


def test_a_mirrored_instance_is_turned_back():
    back = unflipped(one(10, 0.8), 50)
    assert back.boxes.tolist() == [[30, 5, 40, 25]]
    assert back.masks[0].x == 30


def test_nothing_and_something_merge():
    assert len(merged(Instances.none(), Instances.none(), 0.1)) == 0
    assert merged(Instances.none(), one(3, 0.8), 0.1).scores == pytest.approx([0.4])
