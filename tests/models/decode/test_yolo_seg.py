"""YOLO segmentation: hand-made tensors with known answers, and a plain reference on a real image."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.decode.yolo_seg import MASK_GROW, YoloSegDecoder
from models.errors import FamilyError, InferenceError
from models.input_spec import InputSpec
from models.instances import MASK_THRESHOLD
from models.preprocess import Letterbox, preprocess
from models.runtime.onnxruntime import OnnxRuntimeNetwork

SPEC = InputSpec(height=64, width=64)
FIT = Letterbox.fit((64, 64), SPEC)
DECODER = YoloSegDecoder(SPEC, 2)


def coefficients(value=1.0):
    return [value] + [0.0] * 31


def everywhere():
    """Prototypes whose first says yes everywhere."""
    prototypes = np.zeros((1, 32, 16, 16), np.float32)
    prototypes[0, 0] = 10
    return prototypes


def dense(*anchors):
    """v8 predictions [1, 38, 84] of (cx, cy, w, h, person, car[, coefficient]), the rest empty."""
    predictions = np.zeros((1, 38, 84), np.float32)
    for i, anchor in enumerate(anchors):
        predictions[0, :, i] = [*anchor[:6], *coefficients(*anchor[6:])]
    return predictions


def end_to_end(*rows):
    """End-to-end predictions [1, 300, 38] of (x0, y0, x1, y1, score, class), the rest empty."""
    predictions = np.zeros((1, 300, 38), np.float32)
    for i, row in enumerate(rows):
        predictions[0, i] = [*row, *coefficients()]
    return predictions


def test_one_object_comes_out_as_it_went_in():
    found = DECODER.decode((dense((32, 24, 20, 10, 0.1, 0.8)), everywhere()), FIT)
    assert found.boxes.tolist() == [[22, 19, 42, 29]]
    assert found.scores.tolist() == pytest.approx([0.8])
    assert found.classes.tolist() == [1]
    (mask,) = found.masks
    assert (mask.x, mask.y, mask.pixels.shape) == (20, 18, (12, 24))  # a tenth beyond each side
    assert (mask.pixels == 255).all()


def test_a_mask_may_be_held_to_its_box():
    decoder = YoloSegDecoder(SPEC, 2, mask_grow=0)
    found = decoder.decode((dense((32, 24, 20, 10, 0.1, 0.8)), everywhere()), FIT)
    assert (found.masks[0].x, found.masks[0].y, found.masks[0].pixels.shape) == (22, 19, (10, 20))
    assert found.mask_grow == 0


def test_instances_know_that_their_masks_are_grown():
    found = DECODER.decode((dense((32, 24, 20, 10, 0.1, 0.8)), everywhere()), FIT)
    assert found.mask_grow == found.take([0]).mask_grow == MASK_GROW


def test_end_to_end_predictions_are_told_by_their_shape():
    predictions = end_to_end((2, 4, 12, 24, 0.5, 1), (30, 30, 50, 60, 0.9, 0), (1, 1, 9, 9, 0.2, 0))
    found = DECODER.decode((predictions, everywhere()), FIT)
    assert found.boxes.tolist() == [[30, 30, 50, 60], [2, 4, 12, 24]]
    assert found.classes.tolist() == [0, 1]
    assert found.scores.tolist() == pytest.approx([0.9, 0.5])
    assert [(mask.x, mask.y) for mask in found.masks] == [(28, 27), (1, 2)]


@pytest.mark.parametrize(
    "predictions", [dense((32, 32, 9, 9, 0.9, 0)), end_to_end((9, 9, 20, 20, 0.9, 0))]
)
def test_outputs_may_come_in_any_order(predictions):
    one = DECODER.decode((predictions, everywhere()), FIT)
    other = DECODER.decode((everywhere(), predictions), FIT)
    assert len(one) == 1
    np.testing.assert_array_equal(one.boxes, other.boxes)


@pytest.mark.parametrize("predictions", [dense(), end_to_end()])
def test_an_empty_image_is_empty(predictions):
    found = DECODER.decode((predictions, everywhere()), FIT)
    assert len(found) == 0
    assert found.masks == ()
    assert found.boxes.shape == (0, 4)


@pytest.mark.parametrize("predictions", [dense, end_to_end])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0, 0), (0, 5, 20), (0, 37, 37)])
def test_a_value_that_is_not_finite_is_never_an_empty_image(predictions, value, place):
    broken = predictions()
    broken[place] = value
    with pytest.raises(InferenceError, match="not finite"):
        DECODER.decode((broken, everywhere()), FIT)


def test_prototypes_that_are_not_finite_are_refused():
    broken = everywhere()
    broken[0, 31, 15, 15] = np.nan
    with pytest.raises(InferenceError, match="prototypes that are not finite"):
        DECODER.decode((dense(), broken), FIT)


@pytest.mark.parametrize(
    ("outputs", "given_shapes"),
    [
        ((), "nothing"),
        ((np.zeros((1, 38, 84)),), r"\[1, 38, 84\]"),
        ((np.zeros((1, 116, 84)), np.zeros((1, 32, 16, 16))), r"\[1, 116, 84\], \[1, 32, 16, 16\]"),
        ((np.zeros((1, 38, 84)), np.zeros((1, 16, 16, 16))), r".* \[1, 16, 16, 16\]"),
        ((np.zeros((2, 38, 84)), np.zeros((2, 32, 16, 16))), r"\[2, 38, 84\], .*"),
        ((np.zeros((1, 38, 84)), np.zeros((1, 38, 84))), r"\[1, 38, 84\], \[1, 38, 84\]"),
        ((np.zeros((1, 300, 6)), np.zeros((1, 32, 16, 16))), r"\[1, 300, 6\], .*"),
    ],
)
def test_other_shapes_are_of_another_family(outputs, given_shapes):
    with pytest.raises(FamilyError, match=rf"gives \[1, 38, anchors\].*gave {given_shapes}$"):
        DECODER.decode(outputs, FIT)


@pytest.mark.parametrize(
    "predictions",
    [
        dense((32, 32, 9, 9, 4.0, 0)),
        np.full((1, 38, 84), -3, np.float32),
        end_to_end((9, 9, 20, 20, 17.0, 0)),
    ],
)
def test_scores_that_are_no_probabilities_are_refused(predictions):
    """Logits below nought would otherwise read as an empty image for ever."""
    with pytest.raises(FamilyError, match="between 0 and 1"):
        DECODER.decode((predictions, everywhere()), FIT)


@pytest.mark.parametrize("label", [2, -1, 1e30])
def test_a_class_that_the_network_has_not_is_refused(label):
    predictions = end_to_end((9, 9, 20, 20, 0.9, label))
    with pytest.raises(FamilyError, match="class ids"):
        DECODER.decode((predictions, everywhere()), FIT, classes=[0])


def test_boxes_are_clipped_to_the_image_and_dropped_outside():
    predictions = dense(
        (0, 0, 20, 20, 0.9, 0),
        (64, 64, 8, 400, 0.8, 0),
        (90, 90, 10, 10, 0.7, 0),
        (-90, 30, 10, 10, 0.6, 0),
        (30, 30, 0, 10, 0.5, 0),
        (30, 30, -10, 10, 0.4, 0),
    )
    found = DECODER.decode((predictions, everywhere()), FIT)
    assert found.boxes.tolist() == [[0, 0, 10, 10], [60, 0, 64, 64]]
    assert [mask.pixels.shape for mask in found.masks] == [(11, 11), (64, 5)]


def test_what_lies_in_the_bars_is_dropped():
    fit = Letterbox.fit((64, 32), SPEC)  # bars above 16 and below 48
    predictions = dense((32, 8, 10, 10, 0.9, 0), (32, 32, 10, 10, 0.8, 0))
    found = DECODER.decode((predictions, everywhere()), fit)
    assert found.boxes.tolist() == [[27, 11, 37, 21]]


def test_doubles_of_a_class_go_and_other_classes_stay():
    predictions = dense(
        (32, 32, 20, 20, 0.7, 0), (32, 32, 20, 19, 0.9, 0), (32, 32, 20, 20, 0.1, 0.6)
    )
    found = DECODER.decode((predictions, everywhere()), FIT)
    assert found.classes.tolist() == [0, 1]
    assert found.scores.tolist() == pytest.approx([0.9, 0.6])


def test_a_box_inside_out_takes_no_other_with_it():
    predictions = dense((10, 10, -40, 40, 0.9, 0), (50, 50, 8, 8, 0.8, 0))
    assert DECODER.decode((predictions, everywhere()), FIT).boxes.tolist() == [[46, 46, 54, 54]]


def test_the_least_score_must_be_exceeded():
    outputs = dense((32, 32, 20, 20, 0.5, 0), (9, 9, 5, 5, 0.25, 0)), everywhere()
    assert len(DECODER.decode(outputs, FIT)) == 1
    assert len(DECODER.decode(outputs, FIT, min_score=0.2)) == 2
    assert len(DECODER.decode(outputs, FIT, min_score=0.5)) == 0


@pytest.mark.parametrize(
    ("classes", "expected"),
    [(None, [1, 0]), ([0], [0, 0]), ({1}, [1]), ([0, 1], [1, 0]), ([], [])],
)
def test_only_classes_that_matter_are_found(classes, expected):
    """A person is hidden even where the network holds a car to be more likely."""
    outputs = dense((20, 20, 10, 10, 0.4, 0.6), (50, 50, 10, 10, 0.5, 0)), everywhere()
    assert DECODER.decode(outputs, FIT, classes=classes).classes.tolist() == expected
    rows = end_to_end((15, 15, 25, 25, 0.6, 1), (45, 45, 55, 55, 0.5, 0)), everywhere()
    wanted = [label for label in (1, 0) if classes is None or label in classes]
    assert DECODER.decode(rows, FIT, classes=classes).classes.tolist() == wanted


def test_an_object_without_a_mask_is_hidden_as_its_box():
    outputs = dense((32, 24, 20, 10, 0.9, 0, -1.0)), everywhere()
    (mask,) = DECODER.decode(outputs, FIT).masks
    assert (mask.x, mask.y, mask.pixels.shape) == (22, 19, (10, 20))
    assert (mask.pixels == 255).all()


def test_half_precision_outputs_are_read_as_well():
    outputs = dense((32, 24, 20, 10, 0.1, 0.8)), everywhere()
    half = [output.astype(np.float16) for output in outputs]
    np.testing.assert_array_equal(
        DECODER.decode(half, FIT).boxes, DECODER.decode(outputs, FIT).boxes
    )


def test_no_more_than_three_hundred_come_out():
    spec = InputSpec(height=640, width=640)
    centres = np.stack(np.meshgrid(np.arange(20), np.arange(20)), axis=-1).reshape(-1, 2)
    predictions = np.zeros((1, 38, 400), np.float32)
    predictions[0, :2] = centres.T * 30 + 15
    predictions[0, 2:4] = 10
    predictions[0, 4] = np.linspace(0.4, 0.9, 400)
    outputs = predictions, np.zeros((1, 32, 160, 160), np.float32)
    found = YoloSegDecoder(spec, 2).decode(outputs, Letterbox.fit((640, 640), spec))
    assert len(found) == 300
    assert found.scores.min() == pytest.approx(np.linspace(0.4, 0.9, 400)[100])


@given(seed=st.integers(0, 10_000), spread=st.sampled_from([1.0, 50.0, 1e6]))
@settings(max_examples=60, deadline=None)
def test_whatever_comes_in_lies_inside_the_image(seed, spread):
    random = np.random.default_rng(seed)
    predictions = (random.normal(size=(1, 38, 84)) * spread).astype(np.float32)
    predictions[0, 4:6] = random.random((2, 84))
    width, height = (int(side) for side in random.integers(1, 300, 2))
    prototypes = random.normal(size=(1, 32, 16, 16)).astype(np.float32)
    fit = Letterbox.fit((width, height), SPEC)
    found = DECODER.decode((predictions, prototypes), fit)
    assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()
    assert (found.boxes >= 0).all()
    assert (found.boxes <= [width, height, width, height]).all()
    assert (np.diff(found.scores) <= 0).all()
    for mask in found.masks:
        rows, columns = mask.pixels.shape
        assert 0 <= mask.x < mask.x + columns <= width
        assert 0 <= mask.y < mask.y + rows <= height
        assert mask.pixels.max() >= MASK_THRESHOLD


@pytest.fixture(scope="module", params=["320", "640"])
def street(request, data):
    """The raw outputs of a real network for a real photograph."""
    spec = InputSpec(height=int(request.param), width=int(request.param))
    model = data / "weights" / f"coco-yolov8n-seg-{request.param}.onnx"
    image = cv2.cvtColor(cv2.imread(str(data / "images" / "bus.jpg")), cv2.COLOR_BGR2RGB)
    tensor, fit = preprocess(image, spec)
    return spec, fit, OnnxRuntimeNetwork(model.read_bytes(), 2, inputs=(spec,)).run(tensor)


def plain_detections(predictions, fit):
    """Box (source pixels), score, class and coefficients, by loops and the book."""
    candidates = []
    for column in predictions[0].T.astype(float):
        score = column[4:84].max()
        if score > 0.25:
            (cx, cy, w, h), (left, top), (sx, sy) = column[:4], fit.offset, fit.scale
            box = [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]
            box = [(v - o) / s for v, o, s in zip(box, (left, top) * 2, (sx, sy) * 2, strict=True)]
            candidates.append((box, score, int(column[4:84].argmax()), column[84:]))
    candidates.sort(key=lambda candidate: -candidate[1])
    kept = []
    for candidate in candidates:
        rivals = [other for other in kept if other[2] == candidate[2]]
        if all(overlap(candidate[0], other[0]) <= 0.7 for other in rivals):
            kept.append(candidate)
    return kept


def overlap(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return shared / (areas - shared)


def full_size_masks(coefficients, prototypes, fit, spec):
    """Every mask for the whole image: enlarge to the input, cut the bars off, enlarge again."""
    (left, top), (width, height) = fit.offset, fit.inner
    for one in coefficients:
        logits = np.tensordot(one, prototypes[0].astype(float), 1)
        to_input = cv2.resize(logits, (spec.width, spec.height), interpolation=cv2.INTER_LINEAR)
        cut = to_input[top : top + height, left : left + width]
        yield cv2.resize(cut, fit.source, interpolation=cv2.INTER_LINEAR) > 0


@pytest.mark.slow
def test_a_real_image_reads_as_by_the_book(street):
    spec, fit, (predictions, prototypes) = street
    found = YoloSegDecoder(spec, 80, mask_grow=0).decode((predictions, prototypes), fit)
    expected = plain_detections(predictions, fit)
    assert len(found) == len(expected) >= 4
    width, height = fit.source
    clipped = np.clip([box for box, *_ in expected], 0, [width, height, width, height])
    np.testing.assert_allclose(found.boxes, clipped, atol=0.01)
    np.testing.assert_allclose(found.scores, [score for _, score, *_ in expected], atol=1e-6)
    assert found.classes.tolist() == [label for _, _, label, _ in expected]
    whole = full_size_masks([each[3] for each in expected], prototypes, fit, spec)
    for mask, full in zip(found.masks, whole, strict=True):
        rows, columns = mask.pixels.shape
        cut = full[mask.y : mask.y + rows, mask.x : mask.x + columns]
        ours = mask.pixels >= MASK_THRESHOLD
        # Interpolating twice rounds corners that interpolating once leaves: a seam of pixels.
        assert (ours & cut).sum() / (ours | cut).sum() > 0.98


def test_both_layouts_of_one_result_read_the_same(street):
    """What v8 gave, rewritten as YOLO26 would give it."""
    spec, fit, (predictions, prototypes) = street
    kept = plain_detections(predictions, fit)
    rows = np.zeros((1, 300, 38), np.float32)
    for i, (box, score, label, weights) in enumerate(kept):
        corners = np.array(box) * np.tile(fit.scale, 2) + np.tile(fit.offset, 2)
        rows[0, i] = [*corners, score, label, *weights]
    decoder = YoloSegDecoder(spec, 80)
    one = decoder.decode((predictions, prototypes), fit)
    other = decoder.decode((prototypes, rows), fit)
    np.testing.assert_allclose(one.boxes, other.boxes, atol=0.01)
    np.testing.assert_array_equal(one.classes, other.classes)
    for a, b in zip(one.masks, other.masks, strict=True):
        if a.pixels.shape == b.pixels.shape:  # a side may round to the next pixel
            assert (np.abs(a.pixels.astype(int) - b.pixels) > 1).mean() < 0.01
