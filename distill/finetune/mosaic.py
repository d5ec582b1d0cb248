"""Mosaic: four images around a point (Bochkovskiy et al., "YOLOv4", 2020), as RTMDet lays it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distill.finetune.placement import Placement, compose, fitting_scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from distill.finetune.augment import ColourJitter
    from distill.finetune.config import Augmentation
    from distill.finetune.picture import Picture

IMAGES = 4
_CENTRE = (0.5, 1.5)
"""Where the point may lie, in canvas sizes, on a table of two by two of them."""


def mosaic(
    pictures: Sequence[Picture],
    canvas: int,
    recipe: Augmentation,
    jitter: ColourJitter,
    random: np.random.Generator,
) -> Picture:
    """Lay four pictures on a table of twice the canvas, zoom the table, cut the canvas from it."""
    zoom = random.uniform(recipe.scale_min, recipe.scale_max)
    table = 2 * canvas * zoom
    centre_x, centre_y = random.uniform(*_CENTRE, size=2) * canvas * zoom
    # A table smaller than the canvas lies at its upper left, as a lone image does.
    left, top = -random.uniform(0, max(0.0, table - canvas), size=2)
    bounds_x = _bounds(left, centre_x, table, canvas)
    bounds_y = _bounds(top, centre_y, table, canvas)
    parts = []
    for number, picture in enumerate(pictures):
        right, below = number % 2, number // 2
        scale = fitting_scale(picture.size, canvas) * zoom
        height, width = (length * scale for length in picture.size)
        window = (bounds_x[right], bounds_y[below], bounds_x[right + 1], bounds_y[below + 1])
        parts.append(
            (
                picture,
                Placement(
                    scale,
                    left + centre_x - (0 if right else width),
                    top + centre_y - (0 if below else height),
                    window,
                ),
            )
        )
    return compose(canvas, parts, jitter)


def _bounds(start: float, centre: float, table: float, canvas: int) -> tuple[int, int, int]:
    """Where the table begins, is divided, and ends, inside the canvas."""
    first, middle, last = (
        min(canvas, max(0, round(value))) for value in (start, start + centre, start + table)
    )
    return first, middle, last
