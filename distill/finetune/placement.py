"""Placement: where an image comes to lie on a canvas; zoom, crop and paste in one resampling.

Resizing a mosaic of four whole images only to keep a part costs ten times the pixels. Here the
geometry is composed first, and only what will be seen is resampled, once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torchvision.transforms.v2 import functional

from distill.finetune.picture import PAD_VALUE, Picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from torch import Tensor

    from distill.finetune.augment import ColourJitter
    from distill.finetune.config import Augmentation

    Rectangle = tuple[int, int, int, int]  # x0, y0, x1, y1, pixels


@dataclass(frozen=True, slots=True)
class Placement:
    """A point (x, y) of the image goes to (left + scale * x, top + scale * y) of the canvas.

    Attributes:
        scale: canvas pixels a pixel of the image.
        left: canvas pixels; negative where the image begins outside.
        top: canvas pixels.
        window: the only part of the canvas that the image may cover.
    """

    scale: float
    left: float
    top: float
    window: Rectangle

    def rectangles(self, size: tuple[int, int]) -> tuple[Rectangle, Rectangle] | None:
        """What is seen of a (height, width) image: on the canvas and in the image."""
        seen, taken = [], []
        for start, length, low, high in (
            (self.left, size[1], self.window[0], self.window[2]),
            (self.top, size[0], self.window[1], self.window[3]),
        ):
            first = max(low, round(start))
            last = min(high, max(round(start) + 1, round(start + length * self.scale)))
            if last <= first:
                return None
            begin = min(length - 1, max(0, math.floor((first - start) / self.scale + 0.5)))
            end = min(length, max(begin + 1, math.floor((last - start) / self.scale + 0.5)))
            seen.append((first, last))
            taken.append((begin, end))
        (x0, x1), (y0, y1) = seen
        (u0, u1), (v0, v1) = taken
        return (x0, y0, x1, y1), (u0, v0, u1, v1)


def fitting_scale(size: tuple[int, int], canvas: int) -> float:
    """The zoom with which a (height, width) image just fits a square canvas."""
    return canvas / max(size)


def random_placement(
    size: tuple[int, int], canvas: int, recipe: Augmentation, random: np.random.Generator
) -> Placement:
    """Large-scale jitter (Ghiasi et al., 2021): zoom, then crop, or pad right and below."""
    scale = fitting_scale(size, canvas) * random.uniform(recipe.scale_min, recipe.scale_max)
    left, top = (
        -random.uniform(0, max(0.0, length * scale - canvas)) for length in (size[1], size[0])
    )
    return Placement(scale, left, top, (0, 0, canvas, canvas))


def compose(
    canvas: int, parts: Sequence[tuple[Picture, Placement]], jitter: ColourJitter | None = None
) -> Picture:
    """A square picture of `canvas` pixels; parts must not overlap.

    Where none lies it is grey, and the jitter does not change that: at inference, too, padding is
    always the same.
    """
    image = torch.full((3, canvas, canvas), PAD_VALUE, dtype=torch.uint8)
    ignore = torch.zeros((canvas, canvas), dtype=torch.uint8)
    masks, labels, areas = [], [], []
    for picture, placement in parts:
        rectangles = placement.rectangles(picture.size)
        if rectangles is None:
            continue
        (x0, y0, x1, y1), source = rectangles
        shape = (y1 - y0, x1 - x0)
        pixels = _resampled(picture.image, source, shape)
        image[:, y0:y1, x0:x1] = jitter.on(pixels) if jitter else pixels
        if picture.ignore.any():
            seen = _resampled(picture.ignore[None], source, shape)[0]
            ignore[y0:y1, x0:x1] = _hard(seen)
        for index, mask in enumerate(picture.masks):
            seen = _hard(_resampled(mask[None], source, shape)[0])
            if seen.any():
                whole = torch.zeros((canvas, canvas), dtype=torch.uint8)
                whole[y0:y1, x0:x1] = seen
                masks.append(whole)
                labels.append(picture.labels[index])
                areas.append(picture.areas[index] * placement.scale**2)
    return Picture(
        image,
        torch.stack(masks) if masks else torch.zeros((0, canvas, canvas), dtype=torch.uint8),
        torch.stack(labels) if labels else torch.zeros(0, dtype=torch.int64),
        torch.stack(areas) if areas else torch.zeros(0),
        ignore,
        tuple(path for picture, _ in parts for path in picture.paths),
    )


def _resampled(pixels: Tensor, source: Rectangle, shape: tuple[int, int]) -> Tensor:
    """A rectangle of uint8 [C, h, w] in another size; bilinear, as `models.preprocess` does it."""
    x0, y0, x1, y1 = source
    part = pixels[:, y0:y1, x0:x1]
    if part.shape[1:] == shape:
        return part
    resized: Tensor = functional.resize(part, list(shape), antialias=False)
    return resized


def _hard(soft: Tensor) -> Tensor:
    return (soft >= 128).to(torch.uint8) * 255
