"""YOLO's raw heads: known answers by hand, and what the exporter's own head would have made of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.decode.yolo_seg import YoloSegDecoder
from models.decode.yolo_seg_heads import COEFFICIENTS, RAW_OUTPUTS, STRIDES
from models.errors import FamilyError, InferenceError
from models.input_spec import InputSpec
from models.preprocess import Letterbox

SPEC = InputSpec(width=96, height=64)
FIT = Letterbox.fit((96, 64), SPEC)
BINS = 16


def levels(spec=SPEC):
    return [(spec.height // stride, spec.width // stride) for stride in STRIDES]


def nothing(classes=2, bins=BINS, spec=SPEC):
    """Raw heads that see nothing, in the decoder's order; an object's mask is all of its box."""
    channels = (4 * bins, classes, COEFFICIENTS)
    heads = [np.zeros((1, n, *size), np.float32) for n in channels for size in levels(spec)]
    for logits in heads[3:6]:
        logits[:] = -9
    for coefficients in heads[6:9]:
        coefficients[:, 0] = 1
    prototypes = np.zeros((1, COEFFICIENTS, spec.height // 4, spec.width // 4), np.float32)
    prototypes[0, 0] = 10
    return [*heads, prototypes]


def put(heads, level, cell, logits, sides=(1, 1, 1, 1), weight=1.0):
    """An object in a cell (column, row) whose box ends `sides` cells from the cell's middle."""
    x, y = cell
    bins = heads[0].shape[1] // 4
    if bins == 1:
        heads[level][0, :, y, x] = sides
    else:
        certain = np.zeros((4, bins), np.float32)
        certain[np.arange(4), list(sides)] = 40  # all of the distribution in one bin
        heads[level][0, :, y, x] = certain.ravel()
    heads[3 + level][0, :, y, x] = logits
    heads[6 + level][0, 0, y, x] = weight
    return heads


def decode(heads, spec=SPEC, fit=FIT, **more):
    return YoloSegDecoder(spec, heads[3].shape[1]).decode(heads, fit, **more)


def dense(heads):
    """What the exporter's head makes of raw ones: `[1, 4 + classes + 32, anchors]`, prototypes."""
    columns = []
    for level, stride in enumerate(STRIDES):
        sides, logits, coefficients = (
            heads[part + level][0].reshape(heads[part + level].shape[1], -1) for part in (0, 3, 6)
        )
        bins = len(sides) // 4
        y, x = np.divmod(np.arange(sides.shape[1]), heads[level].shape[3])
        if bins > 1:
            by_bin = np.exp(sides.reshape(4, bins, -1))
            sides = (by_bin * np.arange(bins)[:, None]).sum(axis=1) / by_bin.sum(axis=1)
        left, top, right, bottom = sides
        box = [x + 0.5 + (right - left) / 2, y + 0.5 + (bottom - top) / 2]
        box = np.stack([*box, left + right, top + bottom]) * stride
        columns.append(np.concatenate([box, 1 / (1 + np.exp(-logits)), coefficients]))
    return np.concatenate(columns, axis=1, dtype=np.float32)[None], heads[9]


@pytest.mark.parametrize("bins", [1, BINS])
@pytest.mark.parametrize(
    ("level", "cell", "sides", "box"),
    [
        (0, (5, 3), (2, 1, 3, 4), [28, 20, 68, 60]),
        (1, (2, 1), (1, 1, 2, 1), [24, 8, 72, 40]),
        (2, (0, 0), (0, 0, 1, 1), [16, 16, 48, 48]),
    ],
)
def test_one_object_comes_out_as_it_went_in(bins, level, cell, sides, box):
    found = decode(put(nothing(bins=bins), level, cell, [-3, 1.5], sides))
    np.testing.assert_allclose(found.boxes, [box], atol=1e-4)
    assert found.scores.tolist() == pytest.approx([1 / (1 + np.exp(-1.5))])
    assert found.classes.tolist() == [1]
    assert (found.masks[0].pixels == 255).all()


def test_an_empty_image_is_empty():
    found = decode(nothing())
    assert (len(found), found.masks, found.boxes.shape) == (0, (), (0, 4))


def test_a_distribution_is_read_as_its_mean():
    heads = put(nothing(), 0, (5, 3), [3, -9])
    heads[0][0, :BINS, 3, 5] = -50
    heads[0][0, [1, 4], 3, 5] = np.log([3, 1])  # to the left: 1 at three quarters, 4 at one
    assert decode(heads).boxes[0, 0] == pytest.approx((5.5 - 1.75) * 8)


def test_an_object_without_a_mask_is_hidden_as_its_box():
    (mask,) = decode(put(nothing(), 0, (5, 3), [3, -9], (2, 1, 3, 4), weight=-1.0)).masks
    assert (mask.x, mask.y, mask.pixels.shape) == (28, 20, (40, 40))
    assert (mask.pixels == 255).all()


@pytest.mark.parametrize("place", range(10))
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_never_an_empty_image(place, value):
    heads = nothing()
    heads[place][0, -1, -1, -1] = value
    with pytest.raises(InferenceError, match=f"gave {RAW_OUTPUTS[place]} that are not finite"):
        decode(heads)


def test_a_box_beyond_all_numbers_is_refused():
    with pytest.raises(InferenceError, match="boxes that are not finite"):
        decode(put(nothing(bins=1), 0, (5, 3), [3, -9], (2, 1, 3.4e38, 4)))


@pytest.mark.parametrize("place", range(10))
@pytest.mark.parametrize("axis", [0, 1, 2, 3])
def test_shapes_of_another_size_or_family_are_refused(place, axis):
    heads = nothing()
    heads[place] = np.concatenate([heads[place]] * 2, axis=axis)
    with pytest.raises(
        FamilyError, match=r"raw heads .* 2 classes at 96x64 give \[1, \d+, 8, 12\]"
    ):
        YoloSegDecoder(SPEC, 2).decode(heads, FIT)


def test_the_size_that_it_was_fed_is_what_the_levels_must_have():
    heads = nothing(spec=InputSpec(width=64, height=96))
    with pytest.raises(FamilyError, match=r"this network gave \[1, 64, 12, 8\]"):
        decode(heads)


def test_fewer_outputs_are_no_raw_heads():
    with pytest.raises(FamilyError, match="or ten raw heads; this network gave"):
        decode(nothing()[:-1])


@pytest.mark.parametrize("classes", [1, 32, 64, 80])
def test_the_order_decides_which_is_which(classes):
    """There may be as many classes as coefficients, or as logits of sides."""
    logits = np.full(classes, -9, np.float32)
    logits[classes - 1] = 2
    found = decode(put(nothing(classes), 1, (2, 1), logits, (1, 1, 2, 1)))
    np.testing.assert_allclose(found.boxes, [[24, 8, 72, 40]], atol=1e-4)
    assert found.classes.tolist() == [classes - 1]


def random_heads(seed, classes, bins):
    random = np.random.default_rng(seed)
    heads = [random.normal(size=each.shape).astype(np.float32) for each in nothing(classes, bins)]
    return [*(2 * each for each in heads[:3]), *(2 * each - 1 for each in heads[3:6]), *heads[6:]]


def assert_same(ours, theirs):
    assert len(ours) == len(theirs)
    np.testing.assert_array_equal(ours.classes, theirs.classes)
    np.testing.assert_allclose(ours.boxes, theirs.boxes, atol=1e-3)
    np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-6)
    for one, other in zip(ours.masks, theirs.masks, strict=True):
        if one.pixels.shape == other.pixels.shape:  # a side may round to the next pixel
            assert (np.abs(one.pixels.astype(int) - other.pixels) > 1).mean() < 0.01


@given(
    seed=st.integers(0, 10_000),
    classes=st.sampled_from([1, 2, 80]),
    bins=st.sampled_from([1, BINS]),
    min_score=st.sampled_from([0.001, 0.25, 0.7, 0.97, 1.0]),
    some=st.booleans(),
    sought=st.sampled_from([(), [{0}], [{0}, {1}, {0, 1}], [set(range(80))]]),
)
@settings(max_examples=60, deadline=None)
def test_all_layouts_of_one_result_read_the_same(seed, classes, bins, min_score, some, sought):
    heads = random_heads(seed, classes, bins)
    wanted = {"min_score": min_score, "classes": range(0, classes, 3) if some else None}
    wanted["sought"] = [group & set(range(classes)) for group in sought]
    decoder = YoloSegDecoder(SPEC, classes)
    theirs = decoder.decode(dense(heads), FIT, **wanted)
    assert_same(decoder.decode(heads, FIT, **wanted), theirs)
    assert len(theirs) or min_score > 0.9


@pytest.mark.parametrize("wanted", [None, [0], {1}, [1, 0], []])
def test_the_least_score_must_be_exceeded(wanted):
    """At every score that there is: what scores just that much does not count."""
    heads = random_heads(3, 2, BINS)
    decoder = YoloSegDecoder(SPEC, 2)
    scores = decoder.decode(dense(heads), FIT, min_score=0.3).scores
    assert len(scores) > 10
    for least in map(float, [*scores, 0.5]):
        theirs = decoder.decode(dense(heads), FIT, min_score=least, classes=wanted)
        ours = decoder.decode(heads, FIT, min_score=least, classes=wanted)
        assert_same(ours, theirs)
        assert (ours.scores > least).all()


def test_a_logit_of_nought_is_a_half():
    heads = put(nothing(), 0, (5, 3), [0, -9], (2, 1, 3, 4))
    assert len(decode(heads, min_score=0.5)) == 0
    assert len(decode(heads, min_score=0.499)) == 1


def test_doubles_of_a_class_go_and_other_classes_stay():
    heads = put(nothing(), 0, (5, 3), [1, -9], (2, 2, 2, 2))
    put(heads, 0, (5, 4), [2, -9], (2, 3, 2, 1))  # the same box, seen from the cell below
    put(heads, 0, (6, 3), [-9, 0.5], (3, 2, 1, 2))
    found = decode(heads)
    assert found.classes.tolist() == [0, 1]
    assert found.scores.tolist() == pytest.approx([0.880797, 0.622459])


@pytest.mark.parametrize("as_exported", [list, dense])
@pytest.mark.parametrize(
    ("sought", "seen"),
    [
        ([], [2]),
        ([{1}], [2, 1]),
        ([{0, 1}], [2, 1]),  # the best of a group only
        ([{1}, {0}], [2, 1, 0]),  # of two streams each has its own
        ([{1, 2}], [2]),  # what scores best is of the group
        ([{0, 1, 2, 3}], [2]),
        ([{3}], [2]),  # too weak
    ],
)
def test_what_is_sought_is_seen_where_another_class_scores_higher(as_exported, sought, seen):
    heads = put(nothing(4), 1, (2, 1), np.array([-0.8, -0.2, 0.1, -4], np.float32), (1, 1, 2, 1))
    found = YoloSegDecoder(SPEC, 4).decode(as_exported(heads), FIT, sought=sought)
    assert found.classes.tolist() == seen
    np.testing.assert_allclose(found.boxes, [[24, 8, 72, 40]] * len(seen), atol=1e-4)
    assert (np.diff(found.scores) < 0).all()


def test_no_more_than_three_hundred_come_out():
    spec = InputSpec(width=640, height=640)
    heads = nothing(bins=1, spec=spec)
    heads[0][:] = 1  # boxes of 16 px, 32 px apart
    logits = np.linspace(-0.5, 2, 400, dtype=np.float32)
    heads[3][0, 0, ::4, ::4] = logits.reshape(20, 20)
    found = decode(heads, spec, Letterbox.fit((640, 640), spec), min_score=0.3)
    assert len(found) == 300
    assert found.scores.min() == pytest.approx(1 / (1 + np.exp(-logits[100])))


def test_half_precision_outputs_are_read_as_well():
    heads = put(nothing(), 1, (2, 1), [1, -9], (1, 1, 2, 1))
    half = [each.astype(np.float16) for each in heads]
    np.testing.assert_allclose(decode(half).boxes, decode(heads).boxes, atol=1e-3)
