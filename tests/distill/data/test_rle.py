"""Run-length masks: packed, unpacked, and damaged ones told from whole ones."""

import numpy as np
import pytest

from distill.data import rle
from distill.data.rle import Rle
from models.instances import Mask


def random_masks(count=60):
    rng = np.random.default_rng(0)
    for _ in range(count):
        height, width = rng.integers(1, 40, 2)
        yield (rng.random((height, width)) < rng.choice([0, 0.1, 0.5, 0.9, 1])).astype(np.uint8)


def test_masks_survive_packing_whatever_they_look_like():
    for mask in random_masks():
        packed = rle.encode(mask)
        assert (rle.decode(packed) == mask).all()
        assert rle.checked_area(packed) == rle.area(packed) == mask.sum()
        assert rle.from_runs(rle.runs(packed.counts).tolist(), packed.size) == packed


def test_every_value_but_zero_is_object():
    mask = np.array([[0, 1, 255], [7, 0, 0]], np.uint8)
    assert rle.decode(rle.encode(mask)).tolist() == [[0, 1, 1], [1, 0, 0]]


def test_a_networks_mask_is_packed_as_if_it_had_been_unfolded():
    rng = np.random.default_rng(1)
    for _ in range(150):
        height, width = (int(n) for n in rng.integers(1, 30, 2))
        x, y = int(rng.integers(-10, width + 5)), int(rng.integers(-10, height + 5))
        pixels = rng.integers(0, 256, rng.integers(1, 45, 2), dtype=np.uint8)
        if rng.random() < 0.3:
            pixels[:] = 255
        canvas = np.zeros((height + 100, width + 100), np.uint8)
        canvas[y + 30 : y + 30 + len(pixels), x + 30 : x + 30 + pixels.shape[1]] = pixels >= 128
        unfolded = canvas[30 : 30 + height, 30 : 30 + width]
        assert rle.from_mask(Mask(x, y, pixels), (height, width)) == rle.encode(unfolded)


def test_polygons_of_several_parts_are_one_mask():
    parts = [[0, 0, 4, 0, 4, 4, 0, 4], [6, 6, 9, 6, 9, 9, 6, 9]]
    mask = rle.decode(rle.from_polygons(parts, (10, 10)))
    assert mask.sum() == 16 + 9
    assert mask[2, 2]
    assert mask[7, 7]
    assert not mask[5, 5]


def test_box_and_rectangle_agree():
    packed = rle.from_box((3, 2, 8, 6), (10, 12))
    assert rle.area(packed) == 5 * 4
    assert rle.box(packed) == (3, 2, 8, 6)


def test_union_has_every_pixel_of_its_parts():
    first, second = rle.from_box((0, 0, 4, 4), (8, 8)), rle.from_box((2, 2, 6, 6), (8, 8))
    assert rle.area(rle.union([first, second])) == 16 + 16 - 4


def test_overlaps_are_shares_of_the_union_and_of_the_answer_alone_in_regions():
    small, large = rle.from_box((0, 0, 4, 4), (8, 8)), rle.from_box((0, 0, 8, 4), (8, 8))
    assert rle.overlaps([small], [large, large], [False, True]).tolist() == [[0.5, 1.0]]
    assert rle.overlaps([], [large]).shape == (0, 1)


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ("", "empty"),
        ("\x01", "character that none can have"),
        ("é1", "do not fill"),
        ("P", "cut off"),
        ("PPPPPPPPPPPPPPPPPP0", "absurdly long"),
        ("1", "do not fill"),
        ("O1", "negative"),
        ("oo_oo_oo_oo_oo", "cut off"),
    ],
)
def test_damaged_run_lengths_are_refused_with_the_reason(counts, reason):
    with pytest.raises(ValueError, match=reason):
        rle.checked_area(Rle((10, 10), counts))


def test_run_lengths_of_another_size_are_refused():
    with pytest.raises(ValueError, match="do not fill its 9x10 pixels"):
        rle.from_runs([50, 50], (10, 9))
