"""Boxes of Ultralytics' detectors, in outputs whose truth is known."""

import numpy as np
import pytest

from models.decode.yolo_boxes import YoloBoxesDecoder
from models.errors import FamilyError, InferenceError
from models.input_spec import InputSpec
from models.preprocess import Letterbox

SPEC = InputSpec(height=64, width=96, letterbox="stretch")
FIT = Letterbox.fit((192, 64), SPEC)  # two source pixels an input pixel along x, one along y
ANCHORS = 96 + 24 + 6
DECODER = YoloBoxesDecoder(SPEC, 2)


def dense(*rows):
    """Of (centre x, centre y, width, height, score of class 0, of class 1)."""
    output = np.zeros((1, 6, ANCHORS), np.float32)
    output[0, :, : len(rows)] = np.array(rows, np.float32).reshape(-1, 6).T
    return (output,)


def sparse(*rows, slots=300):
    """Of (x0, y0, x1, y1, score, class)."""
    output = np.zeros((1, slots, 6), np.float32)
    output[0, : len(rows)] = np.array(rows, np.float32).reshape(-1, 6)
    return (output,)


def test_dense_boxes_are_centres_and_sizes_in_input_pixels():
    outputs = dense((15, 10, 10, 10, 0.5, 0.1), (35, 35, 10, 30, 0.2, 0.9), (3, 3, 4, 4, 0.1, 0.2))
    found = DECODER.decode(outputs, FIT)
    assert found.boxes.tolist() == [[60, 20, 80, 50], [20, 5, 40, 15]]
    assert found.classes.tolist() == [1, 0]
    assert found.scores.tolist() == pytest.approx([0.9, 0.5])
    assert found.masks is None


def test_duplicates_are_taken_out_of_dense_boxes_class_by_class():
    outputs = dense((15, 10, 10, 10, 0.5, 0), (15, 10, 10, 10.5, 0.6, 0), (15, 10, 10, 10, 0, 0.4))
    found = DECODER.decode(outputs, FIT)
    assert found.scores.tolist() == pytest.approx([0.6, 0.4])


def test_what_is_sought_is_seen_where_another_class_scores_higher():
    outputs = dense((15, 10, 10, 10, 0.5, 0.4), (60, 40, 10, 10, 0.2, 0.9))
    assert DECODER.decode(outputs, FIT).classes.tolist() == [1, 0]
    found = DECODER.decode(outputs, FIT, sought=[{1}])
    assert found.classes.tolist() == [1, 0, 1]
    assert found.boxes[1:].tolist() == [[20, 5, 40, 15]] * 2


@pytest.mark.parametrize("slots", [300, 84, 3])
def test_sparse_boxes_are_corners_in_input_pixels(slots):
    """As many rows as there are anchors, where those are fewer than 300."""
    rows = (10, 5, 20, 15, 0.5, 0), (30, 20, 40, 50, 0.9, 1), (1, 1, 5, 5, 0.1, 0)
    found = DECODER.decode(sparse(*rows, slots=slots), FIT)
    assert found.boxes.tolist() == [[60, 20, 80, 50], [20, 5, 40, 15]]
    assert found.classes.tolist() == [1, 0]


def test_only_what_matters_is_given():
    outputs = dense((15, 10, 10, 10, 0.5, 0.8), (35, 35, 10, 30, 0.2, 0.9))
    found = DECODER.decode(outputs, FIT, min_score=0.3, classes=[0])
    assert found.scores.tolist() == pytest.approx([0.5])
    rows = (10, 5, 20, 15, 0.5, 0), (30, 20, 40, 50, 0.9, 1)
    assert DECODER.decode(sparse(*rows), FIT, classes=[0]).classes.tolist() == [0]


def test_half_precision_is_read():
    (output,) = dense((15, 10, 10, 10, 0.5, 0.1))
    assert len(DECODER.decode((output.astype(np.float16),), FIT)) == 1


def test_an_empty_street_has_no_boxes():
    assert len(DECODER.decode(dense(), FIT)) == 0
    assert len(DECODER.decode(sparse(), FIT)) == 0


@pytest.mark.parametrize(
    "shapes",
    [
        [(1, 7, ANCHORS)],  # another number of classes
        [(1, ANCHORS, 6 + 1)],
        [(1, 6, ANCHORS), (1, 32, 16, 24)],  # a segmentation network
        [(2, 6, ANCHORS)],
        [(6, ANCHORS)],
        [],
    ],
)
def test_other_outputs_are_refused_in_one_line(shapes):
    with pytest.raises(FamilyError, match=r"with 2 classes gives \[1, 6, anchors\] or") as caught:
        DECODER.decode(tuple(np.zeros(shape, np.float32) for shape in shapes), FIT)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("make", [dense, sparse])
def test_numbers_that_are_none_are_refused(make, value):
    """Wherever they are: a score that is NaN would be nothing to hide."""
    for place in range(6):
        row = [10, 5, 20, 15, 0.5, 0.0]
        row[place] = value
        with pytest.raises(InferenceError, match="not finite"):
            DECODER.decode(make(row), FIT)


@pytest.mark.parametrize("score", [-0.5, 1.5, 40])
@pytest.mark.parametrize("make", [dense, sparse])
def test_scores_that_are_no_probabilities_are_refused(make, score):
    with pytest.raises(FamilyError, match=r"between 0 and 1|whole numbers"):
        DECODER.decode(make((10, 5, 20, 15, score, score)), FIT)


@pytest.mark.parametrize(("label", "message"), [(2, "between 0 and 1"), (0.5, "whole numbers")])
def test_class_ids_that_are_none_are_refused(label, message):
    """RT-DETR of two classes has this shape, too: its scores stand where ids are expected."""
    with pytest.raises(FamilyError, match=message):
        DECODER.decode(sparse((10, 5, 20, 15, 0.5, label)), FIT)
