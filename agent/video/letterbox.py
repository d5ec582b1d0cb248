"""Letterbox: a picture of one size inside one of another, undistorted, between black bars."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from agent.frames.frame import Colour, Planes

_GREY = 128


def letterboxed(
    planes: Planes, colour: Colour, size: tuple[int, int], stretch: Fraction = Fraction(1)
) -> Planes:
    """I420 or NV12 planes scaled into `size` (width, height), as large as fits.

    Args:
        colour: what the planes' numbers mean.
        stretch: width of one of their pixels over that of the result's, where both are as high.
    """
    height, width = planes[0].shape
    wide = width * stretch
    scale = min(Fraction(size[0]) / wide, Fraction(size[1], height))
    # In pairs, because chroma is; an odd edge only where the picture reaches it.
    inner = [
        min(whole, 2 * max(1, round(scale * side / 2)))
        for side, whole in zip((wide, height), size, strict=True)
    ]
    left, top = ((whole - side) // 4 * 2 for whole, side in zip(size, inner, strict=True))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    black = 0 if colour.full_range else 16
    boxed = []
    for plane, empty, step in zip(planes, (black, _GREY, _GREY), (1, 2, 2), strict=False):
        columns, rows, in_x, in_y = (-(-side // step) for side in (*size, *inner))
        x, y = left // step, top // step
        whole = np.full((rows, columns, *plane.shape[2:]), empty, np.uint8)
        whole[y : y + in_y, x : x + in_x] = cv2.resize(plane, (in_x, in_y), interpolation=method)
        boxed.append(whole)
    return tuple(boxed)
