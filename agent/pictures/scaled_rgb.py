"""ScaledRgb: a frame's planes as a smaller picture in RGB, for people to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from models.preprocess import rgb_from_yuv

if TYPE_CHECKING:
    import numpy.typing as npt

    from agent.frames.frame import Colour, Planes


def scaled_rgb(planes: Planes, colour: Colour, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """I420 or NV12 planes scaled to `size` (width, height): uint8 [h, w, 3]."""
    width, height = size
    # Twice as large first, then averaged: a single bilinear step would alias.
    double = rgb_from_yuv(
        planes, (width * 2, height * 2), colour.matrix, full_range=colour.full_range
    )
    return np.asarray(cv2.resize(double, size, interpolation=cv2.INTER_AREA), np.uint8)
