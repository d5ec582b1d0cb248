"""Sprite: one object, lit and shaded, ready to be put anywhere on a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

OVERSAMPLE = 1.4
"""Sprites are computed larger; putting them on a picture averages, and gives them soft edges."""


COVERED = 0.5
"""A pixel is an object's if the object covers this share of it."""


@dataclass(frozen=True)
class Sprite:
    """An upright object; it is turned when it is put on a picture.

    Attributes:
        paint: float32 [h, w, 4], linear light that comes from it, times the share of the pixel
            that it covers, and that share.
        through: float32 [h, w, 4] for what is transparent: the share of red, green and blue
            that passes, and how far to the right what lies behind seems to be (px); all times
            the share of the pixel that it covers.
        foot: where it stands (x, y), in its own pixels.
        px: of one scene unit.
        base: half the width and half the depth of what touches the ground (px).
    """

    paint: Floats
    through: Floats | None
    foot: tuple[float, float]
    px: float
    base: tuple[float, float]


def sprite(
    colour: Floats,
    inside: Mask,
    through: Floats | None,
    foot: tuple[float, float],
    px: float,
    base: tuple[float, float],
) -> Sprite:
    """Light and coverage as one picture; what is outside the silhouette is dropped."""
    paint = np.empty((*inside.shape, 4), np.float32)
    np.multiply(colour, inside[..., None], out=paint[..., :3])
    paint[..., 3] = inside
    if through is not None:
        through *= inside[..., None]
    return Sprite(paint, through, foot, px, base)
