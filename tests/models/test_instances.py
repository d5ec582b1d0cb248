"""Values check themselves."""

import numpy as np
import pytest

from models.instances import Instances, Mask


def instances(count=3):
    masks = tuple(Mask(i, 0, np.full((2, 2), i, np.uint8)) for i in range(count))
    boxes = np.arange(count * 4, dtype=np.float32).reshape(count, 4)
    return Instances(boxes, np.linspace(1, 0.5, count), np.arange(count), masks)


def test_taking_keeps_each_instance_together():
    taken = instances().take([2, 0])
    assert len(taken) == 2
    assert taken.boxes[:, 0].tolist() == [8, 0]
    assert taken.classes.tolist() == [2, 0]
    assert [mask.x for mask in taken.masks] == [2, 0]


def test_taking_nothing_is_none():
    assert len(instances().take([])) == len(Instances.none()) == 0


def test_boxes_without_masks_stay_without():
    boxes = Instances(np.zeros((1, 4), np.float32), np.ones(1), np.zeros(1, np.int64))
    assert boxes.take([0]).masks is None


@pytest.mark.parametrize(
    ("boxes", "scores", "classes", "masks"),
    [
        (np.zeros((2, 5)), np.zeros(2), np.zeros(2), None),
        (np.zeros((2, 4)), np.zeros(3), np.zeros(2), None),
        (np.zeros((2, 4)), np.zeros(2), np.zeros(1), None),
        (np.zeros((2, 4)), np.zeros(2), np.zeros(2), ()),
    ],
)
def test_columns_of_different_lengths_are_refused(boxes, scores, classes, masks):
    with pytest.raises(ValueError, match=r"boxes"):
        Instances(boxes, scores, classes, masks)


@pytest.mark.parametrize("pixels", [np.zeros((2, 2), np.float32), np.zeros(4, np.uint8)])
def test_a_mask_is_bytes_in_a_rectangle(pixels):
    with pytest.raises(ValueError, match="uint8"):
        Mask(0, 0, pixels)
