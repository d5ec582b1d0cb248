"""Outline: the edge of an object as a signed distance field in the coordinates of its own box.

Two outlines of one object, a few frames apart, blend into those between by blending the two
fields (Raya and Udupa, "Shape-based interpolation of multidimensional objects", IEEE TMI 1990).
Growing an outline by any number of pixels is a change of threshold, so a margin costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from models.masks import OUTLINE_PROBABILITY

if TYPE_CHECKING:
    from models.instances import Instances, Mask

GRID = 64
"""Cells along each side of a field. Chosen, not measured: ragged outlines come back with an
overlap above 0.93 (tests/models/test_outline.py), and a field has 16 KB."""

PAD = 0.25
"""The field reaches beyond the box by this share of the box's side, on every side.

Chosen, not measured: room to grow in. Further out, growth follows the field's own border.
"""

MIN_CELL_COVER = 100
"""A cell of the raster of which at least this much (of 255) is covered belongs to the object.

Chosen below 140, from where on a limb as thick as a cell is lost
(test_a_limb_thinner_than_a_cell_stays).
"""

_CORNER = np.float32(0.75 * (1 + 2 * PAD) / GRID)
"""A field draws the corners of a box this far inside: half of a cell's diagonal, rounded up."""

Field = npt.NDArray[np.float32]
Bounds = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Outline:
    """The outline of one object, at its place in the frame.

    Attributes:
        bounds: float64 [4], x0 y0 x1 y1 of the outline's tight box, frame pixels.
        field: float32 [GRID, GRID] over the box and its padding: distance to the outline in
            units of the box's longer side, positive inside.
    """

    bounds: Bounds
    field: Field

    @classmethod
    def of(cls, found: Instances, index: int) -> Outline | None:
        """The outline of one instance; its box where the network gives no masks."""
        if found.masks is None:
            return cls.from_box(found.boxes[index])
        return cls.from_mask(found.masks[index])

    @classmethod
    def from_mask(cls, mask: Mask) -> Outline | None:
        """The outline of a mask, or nothing where the mask is empty."""
        hidden = cv2.threshold(mask.pixels, OUTLINE_PROBABILITY - 1, 255, cv2.THRESH_BINARY)[1]
        left, top, width, height = cv2.boundingRect(hidden)
        if width == 0 or height == 0:
            return None
        x, y = mask.x + left, mask.y + top
        bounds = np.array([x, y, x + width, y + height], np.float64)
        scale = min(1.0, GRID / max(width, height))
        size = max(2, round(width * scale)), max(2, round(height * scale))
        # First the outline, then the smaller raster: else an arm thinner than a cell is averaged
        # away with the background around it.
        inside = hidden[top : top + height, left : left + width]
        small = cv2.resize(inside, size, interpolation=cv2.INTER_AREA) >= MIN_CELL_COVER
        if not small.any():  # specks, far apart: hide all that lies between them
            return cls.from_box(bounds)
        return cls(bounds, _in_box_coordinates(small))

    @classmethod
    def from_box(cls, box: npt.NDArray[np.floating]) -> Outline | None:
        """A filled box, where the family gives no masks; grown until its corners are inside."""
        width, height = float(box[2] - box[0]), float(box[3] - box[1])
        if width <= 0 or height <= 0:
            return None
        scale = GRID / max(width, height)
        size = max(2, round(height * scale)), max(2, round(width * scale))
        filled = _in_box_coordinates(np.ones(size, np.bool_)) + _CORNER
        return cls(box.astype(np.float64), filled)


def longer_side(bounds: Bounds) -> float:
    """Pixels."""
    return float(max(bounds[2] - bounds[0], bounds[3] - bounds[1]))


def _in_box_coordinates(inside: npt.NDArray[np.bool_]) -> Field:
    """Signed distance of a bool [h, w] raster, resampled to the padded GRID x GRID."""
    height, width = inside.shape
    above, beside = int(np.ceil(height * PAD)), int(np.ceil(width * PAD))
    # By hand: `np.pad` and `np.meshgrid` take as long as all the rest.
    padded = np.zeros((height + 2 * above, width + 2 * beside), np.uint8)
    padded[above : above + height, beside : beside + width] = inside
    inwards: Field = np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, 5), np.float32)
    outwards: Field = np.asarray(cv2.distanceTransform(1 - padded, cv2.DIST_L2, 5), np.float32)
    distance = inwards - outwards
    distance -= np.sign(distance) * np.float32(0.5)  # the outline lies between two pixels
    at = (np.arange(GRID, dtype=np.float32) + 0.5) / GRID * (1 + 2 * PAD) - PAD
    columns, rows = np.empty((2, GRID, GRID), np.float32)
    columns[:] = at * width + beside - 0.5
    rows[:] = (at * height + above - 0.5)[:, None]
    field = cv2.remap(
        distance / max(width, height),
        columns,
        rows,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(field, np.float32)


def lies_outside(bounds: Bounds, grow_px: float, frame_size: tuple[int, int]) -> bool:
    """Whether a grown outline certainly touches no pixel of a frame (width, height).

    What is not finite is not outside: whoever hides it must see that it makes no sense.
    """
    reach_px = grow_px + 1
    x0, y0, x1, y1 = bounds.tolist()
    width, height = frame_size
    return bool(
        x1 + reach_px <= 0
        or y1 + reach_px <= 0
        or x0 - reach_px >= width
        or y0 - reach_px >= height
    )


def rectangle_of(
    bounds: Bounds, grow_px: float, frame_size: tuple[int, int]
) -> tuple[int, int, int, int] | None:
    """The pixels that a grown outline may touch: x0, y0, x1, y1, right and bottom not included.

    Clipped to the frame (width, height); nothing where it lies outside.
    """
    x0, y0 = np.floor(np.maximum(bounds[:2] - grow_px - 1, 0)).astype(int).tolist()
    x1, y1 = np.ceil(np.minimum(bounds[2:] + grow_px + 1, frame_size)).astype(int).tolist()
    return None if x1 <= x0 or y1 <= y0 else (x0, y0, x1, y1)


def render(
    bounds: Bounds, field: Field, grow_px: float, frame_size: tuple[int, int]
) -> tuple[int, int, npt.NDArray[np.uint8]] | None:
    """Paint an outline, grown by some pixels, at its place in a frame.

    Returns:
        x, y and uint8 [h, w] of 0 and 255, clipped to the frame; nothing where it lies outside.
    """
    width, height = bounds[2] - bounds[0], bounds[3] - bounds[1]
    rectangle = rectangle_of(bounds, grow_px, frame_size)
    if rectangle is None:
        return None
    x0, y0, x1, y1 = rectangle
    cells = tuple(max(side, 1.0) * (1 + 2 * PAD) / GRID for side in (width, height))
    # Eight bits around the outline are enough, and resampling them is several times quicker.
    levels_per_px = 42.0 / max(cells)
    offset = grow_px * levels_per_px + 128.0
    near = np.clip(field * (max(longer_side(bounds), 1.0) * levels_per_px) + offset, 0, 255)
    starts = bounds[:2] - PAD * np.array([width, height])
    # Enlarging by a factor is several times as quick as mapping every pixel, but it begins at a
    # cell's edge: so the field is moved first, by less than a pixel, to where a pixel has its edge.
    columns, shift_x, left = _span(x0, x1, float(starts[0]), cells[0])
    rows, shift_y, top = _span(y0, y1, float(starts[1]), cells[1])
    part = cv2.warpAffine(
        near.astype(np.uint8),
        np.array([[1, 0, columns[0] + shift_x], [0, 1, rows[0] + shift_y]]),
        (columns[1] - columns[0], rows[1] - rows[0]),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    enlarged = cv2.resize(part, None, fx=cells[0], fy=cells[1], interpolation=cv2.INTER_LINEAR)
    painted = enlarged[y0 - top : y1 - top, x0 - left : x1 - left]
    pixels = cv2.threshold(painted, 127, 255, cv2.THRESH_BINARY)[1]
    return x0, y0, np.asarray(pixels, np.uint8)


def _span(begin: int, end: int, start: float, cell: float) -> tuple[tuple[int, int], float, int]:
    """Which cells of a field pixels from `begin` to `end` lie in, with one to spare on each side.

    Args:
        start: where the field's first cell begins, pixels.
        cell: its side, pixels.

    Returns:
        first and last cell (not included; they may lie outside of the field), by how many cells
        the field must be read further left, and the pixel at which the first cell then begins.
    """
    first = int(np.floor((begin - start) / cell)) - 1
    last = int(np.ceil((end + 1 - start) / cell)) + 1
    at = start + first * cell
    pixel = int(np.floor(at))
    return (first, last), (pixel - at) / cell, pixel
