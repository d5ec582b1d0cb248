"""Augmentation beside zoom and crop: colour jitter, mirror images, remains of cut objects."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from torchvision.transforms.v2 import functional

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from distill.finetune.config import Augmentation
    from distill.finetune.picture import Picture

_MIN_SIDE_PX = 3.0
"""Less than half a cell of the finest level (8 px); chosen, not measured."""

_MIN_VISIBLE_SHARE = 0.05
"""Of an object's pixels, below which what a crop left of it is no example; chosen, not measured."""


class ColourJitter(NamedTuple):
    """Other brightness and colours: factors, and for the hue a share of the colour circle."""

    brightness: float = 1
    contrast: float = 1
    saturation: float = 1
    hue: float = 0

    def on(self, image: Tensor) -> Tensor:
        """A uint8 [3, h, w] image in these colours."""
        image = functional.adjust_brightness(image, self.brightness)
        image = functional.adjust_contrast(image, self.contrast)
        image = functional.adjust_saturation(image, self.saturation)
        jittered: Tensor = functional.adjust_hue(image, self.hue)
        return jittered


def flipped(picture: Picture, recipe: Augmentation, random: np.random.Generator) -> Picture:
    """A mirror image, with the recipe's probability."""
    if random.random() >= recipe.flip:
        return picture
    return replace(
        picture,
        image=functional.horizontal_flip(picture.image),
        masks=functional.horizontal_flip(picture.masks),
        ignore=functional.horizontal_flip(picture.ignore),
    )


def random_jitter(recipe: Augmentation, random: np.random.Generator) -> ColourJitter:
    """Draw what `torchvision.transforms.v2.ColorJitter` draws, but from `random`.

    ColorJitter itself draws from torch's own generator, which would tie a picture to whatever
    was drawn before it.
    """
    brightness, contrast, saturation = (
        1 + random.uniform(-width, width)
        for width in (recipe.brightness, recipe.contrast, recipe.saturation)
    )
    return ColourJitter(brightness, contrast, saturation, random.uniform(-recipe.hue, recipe.hue))


def without_remains(picture: Picture) -> Picture:
    """Move what is hardly left of an object to the regions that don't count."""
    boxes = picture.boxes
    left = (picture.masks > 0).sum(dim=(1, 2))
    sides = (boxes[:, 2:] - boxes[:, :2]).amin(dim=1) if len(boxes) else left
    keep = (sides >= _MIN_SIDE_PX) & (left >= _MIN_VISIBLE_SHARE * picture.areas)
    if keep.all():
        return picture
    return replace(
        picture,
        masks=picture.masks[keep],
        labels=picture.labels[keep],
        areas=picture.areas[keep],
        ignore=picture.ignore | picture.masks[~keep].amax(dim=0),
    )
