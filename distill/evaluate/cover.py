"""Cover: which pixels the device hides because of one instance.

One image by itself is meant, as `sfumato redact-image` covers it: no tracker adds what it knows
from the frames around, and no distance field of 64 cells rounds the outline.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from models.masks import OUTLINE, whole_mask, whole_rectangle

if TYPE_CHECKING:
    from models.instances import Instances, Mask

    Pixels = npt.NDArray[np.uint8]

MARGIN = 0.0
"""Growth of every outline where nobody says otherwise, as the agent has it."""


def cover_of(
    found: Instances, index: int, size: tuple[int, int], margin: float = MARGIN
) -> tuple[int, int, Pixels] | None:
    """The pixels that one instance hides; its whole box where the network gives no masks.

    Args:
        found: what was seen in an image.
        index: which of it.
        size: height, width of the image, to which the cover is clipped.
        margin: growth of the outline, share of the longer side of what it encloses.

    Returns:
        x, y and uint8 [h, w] of 0 and 1; None where nothing is hidden.
    """
    height, width = size
    mask = _boxed(found, index, size) if found.masks is None else found.masks[index]
    if mask is None:
        return None
    x, y, inside = mask.x, mask.y, (mask.pixels >= OUTLINE).view(np.uint8)
    if not inside.any():
        return None
    if margin:
        x, y, inside = _grown(x, y, inside, margin)
    rows = slice(max(0, -y), max(0, height - y))
    columns = slice(max(0, -x), max(0, width - x))
    part = inside[rows, columns]
    return (max(0, x), max(0, y), part) if part.any() else None


def _boxed(found: Instances, index: int, size: tuple[int, int]) -> Mask | None:
    rectangle = whole_rectangle(found.boxes[index], (size[1], size[0]), grow=0.0)
    x0, y0, x1, y1 = rectangle
    return whole_mask(rectangle) if x1 > x0 and y1 > y0 else None


def _grown(x: int, y: int, inside: Pixels, margin: float) -> tuple[int, int, Pixels]:
    """All pixels whose middle lies no further than the margin from the outline."""
    grow = margin * max(cv2.boundingRect(inside)[2:])
    beyond = math.ceil(grow)
    padded = np.pad(inside, beyond)
    away = cv2.distanceTransform(1 - padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # The outline runs between two pixels, half a pixel from the middle of either.
    return x - beyond, y - beyond, (away <= grow + 0.5).view(np.uint8)
