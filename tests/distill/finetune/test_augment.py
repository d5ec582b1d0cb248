"""Zoom, crop, mosaic, mixup, mirror and light on pictures that can be checked by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from distill.finetune.augment import ColourJitter, flipped, without_remains
from distill.finetune.config import Augmentation
from distill.finetune.mixup import mixup
from distill.finetune.mosaic import mosaic
from distill.finetune.picture import PAD_VALUE, Picture
from distill.finetune.placement import Placement, compose, random_placement

RECIPE = Augmentation()


def picture(height=20, width=40, shade=200, box=(4, 2, 12, 10)):
    """One object, a rectangle x0, y0, x1, y1."""
    masks = torch.zeros((1, height, width), dtype=torch.uint8)
    x0, y0, x1, y1 = box
    masks[:, y0:y1, x0:x1] = 255
    return Picture(
        torch.full((3, height, width), shade, dtype=torch.uint8),
        masks,
        torch.tensor([0]),
        (masks > 0).sum(dim=(1, 2)).float(),
        torch.zeros((height, width), dtype=torch.uint8),
        (Path("a.png"),),
    )


def test_a_picture_of_the_canvas_size_comes_through_untouched():
    one = picture(32, 32)
    done = compose(32, [(one, Placement(1.0, 0, 0, (0, 0, 32, 32)))])
    assert torch.equal(done.image, one.image)
    assert torch.equal(done.masks, one.masks)
    assert done.boxes.tolist() == [[4, 2, 12, 10]]


def test_zoom_and_crop_move_image_and_mask_alike():
    done = compose(32, [(picture(), Placement(2.0, -8, -4, (0, 0, 32, 32)))])
    assert done.boxes[0].tolist() == pytest.approx([0, 0, 16, 16], abs=1)
    assert done.areas.tolist() == [8 * 8 * 4]
    assert (done.image == 200).all()


def test_what_no_image_covers_stays_grey_under_any_light():
    done = compose(
        48, [(picture(), Placement(1.0, 0, 0, (0, 0, 48, 48)))], ColourJitter(0.5, 1.5, 0.5, 0.1)
    )
    assert (done.image[:, 20:] == PAD_VALUE).all()
    assert (done.image[:, :, 40:] == PAD_VALUE).all()
    assert (done.image[:, :20, :40] != 200).all()


def test_an_object_that_is_cut_off_has_the_box_of_what_is_left():
    done = compose(8, [(picture(), Placement(1.0, 0, 0, (0, 0, 8, 8)))])
    assert done.boxes.tolist() == [[4, 2, 8, 8]]
    assert done.areas.tolist() == [64]


def test_what_hardly_is_left_does_not_count_either_way():
    one = compose(64, [(picture(), Placement(1.0, -10, 0, (0, 0, 64, 64)))])
    assert one.boxes.tolist() == [[0, 2, 2, 10]]
    done = without_remains(one)
    assert len(done.masks) == len(done.labels) == len(done.boxes) == 0
    assert (done.ignore[2:10, 0:2] == 255).all()
    assert done.ignore.sum() == 255 * 16


def test_regions_that_do_not_count_are_carried_along():
    one = replace(picture(), ignore=picture().masks[0])
    done = compose(64, [(one, Placement(1.5, 3, 0, (0, 0, 64, 64)))])
    assert torch.equal(done.ignore, done.masks[0])


def test_a_mirror_image_is_mirrored_in_everything():
    one = replace(picture(), ignore=picture().masks[0])
    always = Augmentation(flip=1.0)
    done = flipped(one, always, np.random.default_rng(0))
    assert done.boxes.tolist() == [[28, 2, 36, 10]]
    assert torch.equal(done.ignore, done.masks[0])
    assert flipped(one, Augmentation(flip=0.0), np.random.default_rng(0)) is one


def test_mixup_is_the_mean_with_all_objects():
    done = mixup(picture(shade=101), picture(shade=200, box=(20, 5, 30, 15)))
    assert (done.image == 151).all()
    assert done.boxes.tolist() == [[4, 2, 12, 10], [20, 5, 30, 15]]
    assert done.labels.tolist() == [0, 0]


@pytest.mark.parametrize("seed", range(12))
def test_a_mosaic_lays_each_picture_in_a_quarter_of_its_own(seed):
    four = [picture(shade=shade) for shade in (10, 60, 180, 240)]
    done = mosaic(four, 64, RECIPE, ColourJitter(), np.random.default_rng(seed))
    assert done.image.shape == (3, 64, 64)
    shades = set(done.image.unique().tolist())
    assert shades <= {10, 60, 180, 240, PAD_VALUE}
    for mask in done.masks:
        assert len(done.image[0][mask > 0].unique()) == 1  # an object lies on its own image


@pytest.mark.parametrize("size", [(20, 40), (400, 30), (1, 1), (3000, 2000)])
def test_a_random_placement_always_shows_something(size):
    random = np.random.default_rng(0)
    for _ in range(200):
        placement = random_placement(size, 64, RECIPE, random)
        shown = placement.rectangles(size)
        assert shown is not None
        (x0, y0, x1, y1), (u0, v0, u1, v1) = shown
        assert 0 <= x0 < x1 <= 64
        assert 0 <= y0 < y1 <= 64
        assert 0 <= u0 < u1 <= size[1]
        assert 0 <= v0 < v1 <= size[0]
