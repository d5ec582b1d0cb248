"""Decoding of hand-made outputs; against the original: tests/distill/parity."""

import numpy as np
import pytest

from models.decode.dynamic import KERNEL
from models.decode.rtmdet_ins import MAX_INSTANCES, RtmdetInsDecoder, input_spec
from models.errors import FamilyError, InferenceError
from models.preprocess import Letterbox

SPEC = input_spec(128)
FIT = Letterbox.fit((200, 100), SPEC)  # 128 x 64 inside, so half of the input is padding
CLASSES = 2


def silence():
    """Ten outputs in which nothing is seen."""
    sizes = (16, 8, 4)
    outputs = [np.full((1, CLASSES, n, n), -9, np.float32) for n in sizes]
    outputs += [np.zeros((1, 4, n, n), np.float32) for n in sizes]
    outputs += [np.zeros((1, KERNEL, n, n), np.float32) for n in sizes]
    return [*outputs, np.zeros((1, 8, 16, 16), np.float32)]


def see(outputs, row, column, distances, *, level=0, label=1, logit=3.0, mask_bias=5.0):
    """An object at a cell whose mask is everywhere (or nowhere, with a negative bias)."""
    outputs[level][0, label, row, column] = logit
    outputs[3 + level][0, :, row, column] = distances
    outputs[6 + level][0, 168, row, column] = mask_bias


def decode(outputs, **options):
    min_score = options.pop("min_score", 0.25)
    classes = options.pop("classes", None)
    decoder = RtmdetInsDecoder(SPEC, CLASSES, **options)
    return decoder.decode(outputs, FIT, min_score=min_score, classes=classes)


def test_an_empty_street_is_no_instances():
    seen = decode(silence())
    assert len(seen) == 0
    assert seen.masks == ()


def test_boxes_are_measured_from_the_top_left_of_the_cell():
    outputs = silence()
    see(outputs, 2, 3, (8, 16, 24, 8))
    seen = decode(outputs)
    scale = 128 / 200
    np.testing.assert_allclose(seen.boxes, [[16 / scale, 0, 48 / scale, 24 / scale]], rtol=1e-6)
    assert seen.classes.tolist() == [1]
    assert seen.scores[0] == pytest.approx(1 / (1 + np.exp(-3)))


def test_one_cell_may_be_of_two_classes():
    outputs = silence()
    see(outputs, 2, 3, (8, 8, 8, 8), label=0)
    see(outputs, 2, 3, (8, 8, 8, 8), label=1, logit=2.0)
    assert decode(outputs).classes.tolist() == [0, 1]
    assert decode(outputs, classes=[1]).classes.tolist() == [1]
    assert len(decode(outputs, classes=[])) == 0


def test_the_least_score_may_be_anything_from_0_to_1():
    outputs = silence()
    outputs[0][0, 0] = -200
    see(outputs, 2, 3, (8, 8, 8, 8), logit=40.0)
    assert len(decode(outputs, min_score=1)) == 0
    assert len(decode(outputs, min_score=0.999)) == 1
    outputs[3][0] = 4  # every cell has a box
    assert len(decode(outputs, min_score=0)) == MAX_INSTANCES


def test_doubles_of_a_class_are_dropped():
    outputs = silence()
    see(outputs, 2, 3, (8, 8, 40, 40), logit=2.0)
    see(outputs, 2, 4, (16, 8, 32, 40), logit=3.0)  # the same box from its neighbour
    seen = decode(outputs)
    assert seen.scores.tolist() == pytest.approx([1 / (1 + np.exp(-3))])


def test_boxes_end_at_the_image_unless_the_published_ones_are_wanted():
    outputs = silence()
    see(outputs, 4, 4, (16, 16, 16, 90))
    bottom = decode(outputs).boxes[0, 3]
    assert bottom == 100
    assert decode(outputs, as_published=True).boxes[0, 3] == pytest.approx(122 / 0.64)


def test_an_object_in_the_padding_only_is_dropped():
    outputs = silence()
    see(outputs, 12, 4, (8, 8, 8, 8))
    assert len(decode(outputs)) == 0


def test_a_mask_that_is_everywhere_is_the_whole_image():
    outputs = silence()
    see(outputs, 4, 4, (16, 16, 16, 16))
    (mask,) = decode(outputs).masks
    assert (mask.x, mask.y, mask.pixels.shape) == (0, 0, (100, 200))
    assert (mask.pixels == round(255 / (1 + np.exp(-5)))).all()


def test_an_object_without_a_mask_fills_its_box_unless_the_published_one_is_wanted():
    outputs = silence()
    see(outputs, 4, 4, (16, 16, 16, 16), mask_bias=-5)
    (mask,) = decode(outputs).masks
    assert (mask.x, mask.y, mask.pixels.shape) == (25, 25, (50, 50))
    assert mask.pixels.min() == 255
    assert decode(outputs, as_published=True).masks[0].pixels.size == 0


def test_masks_follow_the_features():
    outputs = silence()
    outputs[9][0, 0, :, 8:] = 1.0
    see(outputs, 4, 8, (30, 30, 30, 30), mask_bias=-10)
    outputs[6][0, [2, 80, 144], 4, 8] = (20, 1, 1)  # the first feature times 20
    (mask,) = decode(outputs).masks
    drawn = np.zeros((100, 200), np.uint8)
    height, width = mask.pixels.shape
    drawn[mask.y : mask.y + height, mask.x : mask.x + width] = mask.pixels
    assert (drawn[:, 110:] > 250).all()
    assert (drawn[:, :90] < 5).all()


def test_no_more_than_the_published_limit_come_out():
    outputs = silence()
    for row in range(8):
        for column in range(16):
            see(outputs, row, column, (1, 1, 2, 2))
    assert len(decode(outputs)) == MAX_INSTANCES


@pytest.mark.parametrize(
    "spoil", [lambda o: o[:-1], lambda o: [*o[:3], o[4], *o[4:]], lambda _: []]
)
def test_other_outputs_are_of_another_family(spoil):
    with pytest.raises(FamilyError, match="rtmdet_ins with 2 classes at 128x128"):
        decode(spoil(silence()))


@pytest.mark.parametrize("which", range(10))
def test_what_is_not_finite_is_an_error_and_never_an_empty_street(which):
    outputs = silence()
    outputs[which].flat[0] = np.nan
    with pytest.raises(InferenceError, match="not finite"):
        decode(outputs)
