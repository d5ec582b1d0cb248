"""Geometry of masks, against a plain implementation that enlarges whole images."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.input_spec import InputSpec
from models.instances import MASK_THRESHOLD, Mask
from models.masks import mask_from_prototypes, pasted, whole_mask, whole_rectangle
from models.preprocess import Letterbox


def plain_mask(prototypes, coefficients, fit, stride):
    """The mask of the whole image, one source pixel at a time in float64: [height, width]."""
    logits = np.tensordot(coefficients.astype(float), prototypes.astype(float), 1)
    (width, height), (left, top), (scale_x, scale_y) = fit.source, fit.offset, fit.scale
    x = ((np.arange(width) + 0.5) * scale_x + left) / stride[0] - 0.5
    y = ((np.arange(height) + 0.5) * scale_y + top) / stride[1] - 0.5

    def between(values, at):
        at = np.clip(at, 0, len(values) - 1)
        low = np.minimum(np.floor(at).astype(int), len(values) - 2)
        share = (at - low)[:, None]
        return values[low] * (1 - share) + values[low + 1] * share

    enlarged = between(between(logits, y).T, x).T
    return 255 / (1 + np.exp(-np.clip(enlarged, -30, 30)))


@given(
    source=st.tuples(st.integers(40, 400), st.integers(40, 400)),
    letterbox=st.sampled_from(["centre", "corner", "stretch"]),
    share=st.tuples(*[st.floats(0, 1)] * 4),
    seed=st.integers(0, 99),
)
@settings(max_examples=50, deadline=None)
def test_a_crop_is_the_same_crop_of_the_whole_image(source, letterbox, share, seed):
    """Half-pixel alignment holds at every scale, offset and crop, up to OpenCV's 1/32 of a cell."""
    spec = InputSpec(height=128, width=160, letterbox=letterbox)
    fit, random = Letterbox.fit(source, spec), np.random.default_rng(seed)
    prototypes = random.normal(size=(4, 32, 40)).astype(np.float32)
    coefficients = random.normal(size=4).astype(np.float32)
    x0, x1 = sorted((int(share[0] * (source[0] - 1)), int(share[1] * (source[0] - 1))))
    y0, y1 = sorted((int(share[2] * (source[1] - 1)), int(share[3] * (source[1] - 1))))
    rectangle = x0, y0, x1 + 1, y1 + 1
    mask = mask_from_prototypes(prototypes, coefficients, rectangle, fit, (4.0, 4.0))
    expected = plain_mask(prototypes, coefficients, fit, (4.0, 4.0))[y0 : y1 + 1, x0 : x1 + 1]
    assert (mask.x, mask.y) == (x0, y0)
    steepest = np.abs(np.diff(np.tensordot(coefficients, prototypes, 1), axis=1)).max()
    np.testing.assert_allclose(mask.pixels, expected, atol=1 + 255 / 4 * steepest / 16)


def test_one_cell_lies_over_the_pixels_it_was_computed_from():
    """Cell 3 of a 64 px input is pixels 12 to 15, and a source of half the size has 6 and 7."""
    prototypes = np.full((1, 16, 16), -20, np.float32)
    prototypes[0, 3, 3] = 20
    fit = Letterbox.fit((32, 32), InputSpec(height=64, width=64))
    rectangle = 0, 0, 32, 32
    mask = mask_from_prototypes(prototypes, np.ones(1, np.float32), rectangle, fit, (4.0, 4.0))
    rows, columns = np.nonzero(mask.pixels >= MASK_THRESHOLD)
    assert set(rows) == set(columns) == {6, 7}


def test_a_logit_of_nought_is_the_threshold():
    fit = Letterbox.fit((64, 64), InputSpec(height=64, width=64))
    flat = np.zeros((1, 16, 16), np.float32)
    mask = mask_from_prototypes(flat, np.ones(1, np.float32), (5, 5, 9, 9), fit, (4.0, 4.0))
    assert (mask.pixels == MASK_THRESHOLD).all()


def test_huge_logits_saturate():
    fit = Letterbox.fit((64, 64), InputSpec(height=64, width=64))
    steep = np.full((1, 16, 16), 1e30, np.float32)
    steep[:, :, :8] *= -1
    mask = mask_from_prototypes(steep, np.ones(1, np.float32), (0, 0, 64, 64), fit, (4.0, 4.0))
    assert (mask.pixels[:, :30] == 0).all()
    assert (mask.pixels[:, 34:] == 255).all()


@pytest.mark.parametrize(
    ("box", "grow", "expected"),
    [
        ((10.0, 20.0, 30.0, 40.0), 0.0, (10, 20, 30, 40)),
        ((10.2, 20.9, 29.1, 39.5), 0.0, (10, 20, 30, 40)),
        ((10.0, 20.0, 30.0, 60.0), 0.1, (8, 16, 32, 64)),
        ((1.0, 1.0, 99.0, 79.0), 0.1, (0, 0, 100, 80)),
        ((99.6, 0.1, 99.7, 0.2), 0.0, (99, 0, 100, 1)),
    ],
)
def test_a_box_touches_whole_pixels_inside_the_image(box, grow, expected):
    assert whole_rectangle(np.array(box, np.float32), (100, 80), grow=grow) == expected


def test_a_whole_mask_fills_its_rectangle():
    mask = whole_mask((3, 4, 8, 6))
    assert (mask.x, mask.y, mask.pixels.shape) == (3, 4, (2, 5))
    assert (mask.pixels == 255).all()


def test_pasting_a_mask_cuts_what_lies_outside_the_image():
    pixels = np.full((4, 4), 255, np.uint8)
    pixels[0, 0] = MASK_THRESHOLD - 1
    assert pasted(Mask(1, 2, pixels), (8, 9)).sum() == 15
    assert np.argwhere(pasted(Mask(-3, -3, pixels), (8, 9))).tolist() == [[0, 0]]
    assert np.argwhere(pasted(Mask(7, 8, pixels), (9, 10))).tolist() == [[8, 8], [9, 7], [9, 8]]
    assert not pasted(Mask(9, 10, pixels), (8, 9)).any()
    assert not pasted(Mask(-9, -9, pixels), (8, 9)).any()
