"""Pure geometry of masks: from a network's coarse grid to source pixels, one rectangle at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from models.instances import MASK_THRESHOLD, Mask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.preprocess import Letterbox

    Floats = npt.NDArray[np.float32]

Rectangle = tuple[int, int, int, int]
"""x0, y0, x1, y1 in pixels; right and bottom are not included."""

LOGIT_LIMIT = 30.0
"""Logits are clipped to this: sigmoid(30) is 1 to float32's last bit, and far beyond it exp is
slow or infinite."""

OUTLINE_PROBABILITY = 60
"""Mask probability (of 255) from which on a pixel is hidden: 0.24, where 0.5 is the best guess.

Most of what leaks lies in pixels that the network calls a little unlikely. On six sequences of
DAVIS-2016 that is a tenth less leak than 0.27 for 0.2 % more of the frame, and 0.20 a fifth less
for 0.4 %; a margin of pixels that hides as much leaks more.
"""


def whole_rectangle(box: Floats, size: tuple[int, int], *, grow: float) -> Rectangle:
    """The pixels that a box touches: x0, y0, x1, y1, right and bottom not included.

    Args:
        box: corners [4], source pixels.
        size: width, height of the image, to which the rectangle is clipped.
        grow: how far each side moves out first, as a share of the box's width or height.
    """
    x0, y0, x1, y1 = (float(value) for value in box)
    out_x, out_y = grow * (x1 - x0), grow * (y1 - y0)
    return (
        max(0, int(np.floor(x0 - out_x))),
        max(0, int(np.floor(y0 - out_y))),
        min(size[0], int(np.ceil(x1 + out_x))),
        min(size[1], int(np.ceil(y1 + out_y))),
    )


class PrototypeMasks(Protocol):
    """Makes the masks of one image from prototypes, wherever that is computed."""

    def __call__(
        self,
        prototypes: Floats,
        coefficients: Floats,
        rectangles: Sequence[Rectangle],
        fit: Letterbox,
        stride: tuple[float, float],
    ) -> list[Mask]:
        """One mask a rectangle.

        Args:
            prototypes: [C, h, w].
            coefficients: [N, C].
            rectangles: N; x0, y0, x1, y1 in source pixels, inside the image, not empty.
            fit: where the source lies in the network's input.
            stride: input pixels per cell, along x and y.
        """
        ...


def masks_from_prototypes(
    prototypes: Floats,
    coefficients: Floats,
    rectangles: Sequence[Rectangle],
    fit: Letterbox,
    stride: tuple[float, float],
) -> list[Mask]:
    """On a CPU; see `PrototypeMasks`."""
    return [
        mask_from_prototypes(prototypes, each, rectangle, fit, stride)
        for each, rectangle in zip(coefficients, rectangles, strict=True)
    ]


def mask_from_prototypes(
    prototypes: Floats,
    coefficients: Floats,
    rectangle: Rectangle,
    fit: Letterbox,
    stride: tuple[float, float],
) -> Mask:
    """Combine prototypes, enlarge the logits bilinearly, squash: only inside `rectangle`.

    Cell i of the prototypes covers the input pixels [i * stride, (i + 1) * stride), so that its
    value stands at its middle; source pixels are taken at their middle too.

    Args:
        prototypes: [C, h, w].
        coefficients: [C].
        rectangle: x0, y0, x1, y1 in source pixels, inside the image.
        fit: where the source lies in the network's input.
        stride: input pixels per cell, along x and y.
    """
    x0, y0, x1, y1 = rectangle
    columns = AxisCells.of(x0, x1, fit, stride, axis=0, limit=prototypes.shape[2])
    rows = AxisCells.of(y0, y1, fit, stride, axis=1, limit=prototypes.shape[1])
    part = prototypes[:, rows.low : rows.high, columns.low : columns.high]
    logits = (coefficients @ part.reshape(len(part), -1)).reshape(part.shape[1:])
    enlarged = cv2.warpAffine(
        np.clip(logits, -LOGIT_LIMIT, LOGIT_LIMIT),
        np.array([[columns.step, 0, columns.start], [0, rows.step, rows.start]]),
        (x1 - x0, y1 - y0),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return probability(x0, y0, enlarged)


def whole_mask(rectangle: Rectangle) -> Mask:
    """A mask of all of its rectangle x0, y0, x1, y1: an object that is anywhere in it."""
    x0, y0, x1, y1 = rectangle
    return Mask(x0, y0, np.full((y1 - y0, x1 - x0), 255, np.uint8), anywhere=True)


def pasted(
    mask: Mask, size: tuple[int, int], threshold: int = MASK_THRESHOLD
) -> npt.NDArray[np.bool_]:
    """Which pixels of a (width, height) image have at least this probability (of 255).

    Returns:
        bool [height, width].
    """
    width, height = size
    inside = np.zeros((height, width), np.bool_)
    x0, y0 = max(0, mask.x), max(0, mask.y)
    part = mask.pixels[y0 - mask.y : max(0, height - mask.y), x0 - mask.x : max(0, width - mask.x)]
    inside[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]] = part >= threshold
    return inside


@dataclass(frozen=True, slots=True)
class AxisCells:
    """The cells that some source pixels in a row need, along one axis.

    Attributes:
        low: the first cell.
        high: the one after the last.
        step: cells a pixel.
        start: of the first pixel, in cells behind `low`.
    """

    low: int
    high: int
    step: float
    start: float

    @classmethod
    def of(
        cls,
        first: int,
        last: int,
        fit: Letterbox,
        stride: tuple[float, float],
        *,
        axis: int,
        limit: int,
    ) -> AxisCells:
        """What source pixels [first, last) need of `limit` cells."""
        step = fit.scale[axis] / stride[axis]
        start = (first + 0.5) * step + fit.offset[axis] / stride[axis] - 0.5
        end = start + (last - 1 - first) * step
        # Bilinear interpolation reads the cell before and the cell after.
        low = min(max(0, int(np.floor(start))), limit - 1)
        high = min(limit, max(low, int(np.floor(end)) + 1) + 1)
        return cls(low, high, step, start - low)


def probability(x: int, y: int, logits: npt.NDArray[Any]) -> Mask:
    """The mask of a rectangle of logits [h, w] at x, y; a logit of 0 gives `MASK_THRESHOLD`."""
    return Mask(
        x, y, np.asarray(cv2.divide(255.0, cv2.exp(-logits) + 1, dtype=cv2.CV_8U), np.uint8)
    )
