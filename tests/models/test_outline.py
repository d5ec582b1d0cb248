"""Outlines: from masks and boxes, blended, grown, and painted again."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.instances import Mask
from models.masks import OUTLINE_PROBABILITY
from models.outline import Outline, longer_side, render

SIZE = (320, 240)


def disc(radius, x=0, y=0):
    """A mask of a disc whose box begins at x, y."""
    side = 2 * radius
    at = np.arange(side) + 0.5 - radius
    inside = np.hypot(at[:, None], at[None]) <= radius
    return Mask(x, y, inside.astype(np.uint8) * 255)


def in_frame(painted, size=SIZE):
    width, height = size
    whole = np.zeros((height, width), bool)
    if painted is not None:
        x, y, pixels = painted
        assert x >= 0
        assert y >= 0
        assert x + pixels.shape[1] <= width
        assert y + pixels.shape[0] <= height
        assert set(np.unique(pixels)) <= {0, 255}
        whole[y : y + pixels.shape[0], x : x + pixels.shape[1]] = pixels > 0
    return whole


def placed(mask, size=SIZE):
    return in_frame((mask.x, mask.y, np.where(mask.pixels >= OUTLINE_PROBABILITY, 255, 0)), size)


def overlap(a, b):
    return (a & b).sum() / (a | b).sum()


def painted(outline, grow_px=0.0, size=SIZE):
    return in_frame(render(outline.bounds, outline.field, grow_px, size), size)


def ragged(seed, width, height):
    """A blob without symmetry, as networks draw them."""
    noise = np.random.default_rng(seed).random((height, width)).astype(np.float32)
    blob = cv2.GaussianBlur(noise, (0, 0), max(2.0, min(width, height) / 6))
    blob = (blob - blob.min()) / np.ptp(blob)
    ramp = np.minimum.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
    return Mask(40, 30, (255 * np.clip(blob * 0.5 + ramp, 0, 1)).astype(np.uint8))


@pytest.mark.parametrize("radius", [4, 10, 30, 80])
def test_a_disc_comes_back_as_it_was(radius):
    mask = disc(radius, 50, 40)
    assert overlap(painted(Outline.from_mask(mask)), placed(mask)) > 0.93


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [(24, 60), (100, 40), (200, 180)])
def test_ragged_outlines_come_back_nearly_as_they_were(seed, size):
    mask = ragged(seed, *size)
    assert overlap(painted(Outline.from_mask(mask)), placed(mask)) > 0.93


def test_bounds_are_tight_around_what_is_inside():
    pixels = np.zeros((50, 60), np.uint8)
    pixels[10:30, 5:45] = OUTLINE_PROBABILITY
    pixels[0, 0] = OUTLINE_PROBABILITY - 1
    assert Outline.from_mask(Mask(100, 200, pixels)).bounds.tolist() == [105, 210, 145, 230]


def test_a_mask_without_anything_inside_has_no_outline():
    assert Outline.from_mask(Mask(3, 4, np.full((9, 9), OUTLINE_PROBABILITY - 1, np.uint8))) is None
    assert Outline.from_mask(Mask(3, 4, np.empty((0, 9), np.uint8))) is None
    assert Outline.from_mask(Mask(3, 4, np.empty((9, 0), np.uint8))) is None


def test_a_single_pixel_has_an_outline():
    outline = Outline.from_mask(Mask(30, 40, np.full((1, 1), 255, np.uint8)))
    assert outline.bounds.tolist() == [30, 40, 31, 41]
    assert painted(outline)[40, 30]


def test_specks_far_apart_are_hidden_with_what_lies_between():
    """Each is smaller than a cell of the raster; all of them are still an object."""
    pixels = np.zeros((900, 900), np.uint8)
    pixels[:8, :8] = pixels[-8:, -8:] = 255
    outline = Outline.from_mask(Mask(100, 50, pixels))
    x, y, painted = render(outline.bounds, outline.field, 0.0, (1920, 1080))
    hidden = np.zeros((1080, 1920), bool)
    hidden[y : y + painted.shape[0], x : x + painted.shape[1]] = painted > 0
    assert hidden[50:58, 100:108].all()
    assert hidden[942:950, 992:1000].all()


def test_a_limb_thinner_than_a_cell_stays():
    """A person 700 pixels tall with an arm of 12: a cell is 11 pixels."""
    pixels = np.zeros((700, 500), np.uint8)
    pixels[:, 180:320] = 255
    pixels[300:312] = 255
    outline = Outline.from_mask(Mask(0, 0, pixels))
    _, _, painted = render(outline.bounds, outline.field, 0.0, (500, 700))
    assert (painted[300:312] > 0).mean() > 0.9


@pytest.mark.parametrize("box", [(10, 20, 50, 120), (10.4, 20.6, 200.5, 30.1), (5, 5, 6, 6)])
def test_a_box_is_filled(box):
    hidden = painted(Outline.from_box(np.float32(box)))
    x0, y0, x1, y1 = box
    inner = hidden[int(np.ceil(y0)) : int(y1), int(np.ceil(x0)) : int(x1)]
    assert inner.all()
    reach = 1 + 0.02 * max(x1 - x0, y1 - y0)  # what the corners cost
    top, left = max(0, int(y0 - reach)), max(0, int(x0 - reach))
    hidden[top : int(np.ceil(y1 + reach)), left : int(np.ceil(x1 + reach))] = False
    assert not hidden.any()


@pytest.mark.parametrize("box", [(10, 10, 10, 20), (10, 10, 5, 20), (10, 20, 20, 20)])
def test_an_empty_box_has_no_outline(box):
    assert Outline.from_box(np.float32(box)) is None


@pytest.mark.parametrize("grow_px", [0, 1, 3, 8, 15])
def test_growing_a_disc_by_n_pixels_makes_a_disc_of_n_pixels_more(grow_px):
    outline = Outline.from_mask(disc(30, 100, 90))
    area = painted(outline, grow_px).sum()
    assert np.sqrt(area / np.pi) == pytest.approx(30 + grow_px, abs=1.0)


def test_growing_never_uncovers():
    outline = Outline.from_mask(ragged(3, 90, 70))
    before = painted(outline)
    for grow_px in (0.3, 1, 2.5, 6, 12, 25):
        after = painted(outline, grow_px)
        assert (after | ~before).all()
        before = after


def test_half_way_between_two_discs_is_the_disc_in_between():
    """Raya and Udupa: blended distances give blended radii."""
    small, large = Outline.from_mask(disc(20)), Outline.from_mask(disc(40))
    bounds = (small.bounds + large.bounds) / 2 + 100
    halfway = in_frame(render(bounds, (small.field + large.field) / 2, 0, SIZE))
    assert overlap(halfway, placed(disc(30, 100, 100))) > 0.95


@given(
    x=st.floats(-200, 400),
    y=st.floats(-200, 300),
    width=st.floats(0.1, 500),
    height=st.floats(0.1, 500),
    grow_px=st.floats(0, 60),
)
@settings(max_examples=80, deadline=None)
def test_painting_stays_inside_the_frame_wherever_a_box_lies(x, y, width, height, grow_px):
    outline = Outline.from_box(np.float32([x, y, x + width, y + height]))
    hidden = painted(outline, grow_px)
    left, top = max(0, int(np.ceil(x))), max(0, int(np.ceil(y)))
    right, bottom = max(0, int(x + width)), max(0, int(y + height))
    inner = hidden[top + 1 : max(top, bottom - 1), left + 1 : max(left, right - 1)]
    # The corners of a long box are round by a cell of the field.
    assert not inner.size or inner.mean() > 0.97


def test_an_outline_outside_of_the_frame_paints_nothing():
    for box in ([-50, 10, -20, 40], [400, 10, 440, 40], [10, -60, 40, -20], [10, 300, 40, 340]):
        outline = Outline.from_box(np.float32(box))
        assert not painted(outline).any()


def test_the_longer_side():
    bounds = np.array([10.0, 20.0, 40.0, 100.0])
    assert longer_side(bounds) == 80
