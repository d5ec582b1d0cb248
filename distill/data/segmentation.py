"""A COCO annotation's `segmentation`, in any of its three forms, to one; and its `bbox`."""

from __future__ import annotations

import math
from typing import Any, TypeGuard

from distill.data import rle as run_length
from distill.data.rle import Rle

Size = tuple[int, int]
"""Height, width, as COCO has it."""


class UnusableError(Exception):
    """A record is left out; the message ends the sentence that began with its name."""


def mask_of(shape: Any, size: Size) -> tuple[Rle, int]:
    """The mask of polygons, of run lengths as numbers, or of run lengths as a string.

    Args:
        shape: what stands in the file.
        size: of the image.

    Returns:
        The mask, and how many polygons of several were none and were left out.

    Raises:
        UnusableError: it is damaged, of another size, or covers no pixel.
    """
    if isinstance(shape, list) and shape:
        rle, bad = _polygons(shape, size)
        pixels = run_length.area(rle)
    elif isinstance(shape, dict):
        rle, pixels, bad = *_runs(shape, size), 0
    else:
        raise UnusableError("has a mask that is neither polygons nor run lengths")
    if not pixels:
        raise UnusableError("has a mask without area")
    return rle, bad


def box_of(raw: Any, size: Size) -> tuple[float, float, float, float]:
    """Corners from COCO's x, y, width, height, cut to the image.

    Raises:
        UnusableError: it is damaged, or covers nothing of the image.
    """
    height, width = size
    if not isinstance(raw, list) or len(raw) != 4 or not all(map(is_number, raw)):
        raise UnusableError("has a bbox that is not four numbers")
    x, y, wide, high = raw
    if wide <= 0 or high <= 0:
        raise UnusableError("has a box without area")
    box = (max(0.0, x), max(0.0, y), min(width, x + wide), min(height, y + high))
    if box[2] <= box[0] or box[3] <= box[1]:
        raise UnusableError(f"has a box outside its image of {width}x{height} pixels")
    return (float(box[0]), float(box[1]), float(box[2]), float(box[3]))


def is_whole(value: Any) -> TypeGuard[int]:
    """A whole number; JSON's true and false are none."""
    return type(value) is int


def is_number(value: Any) -> TypeGuard[float]:
    """A finite number."""
    return type(value) in (int, float) and math.isfinite(value)


def _runs(shape: dict[str, Any], size: Size) -> tuple[Rle, int]:
    if shape.get("size") != list(size):
        raise UnusableError(
            f"has a mask of [height, width] {str(shape.get('size'))[:20]}, but its image has "
            f"{list(size)}"
        )
    counts = shape.get("counts")
    try:
        if isinstance(counts, str):
            rle = Rle(size, counts)
            return rle, run_length.checked_area(rle)
        if isinstance(counts, list) and all(is_whole(run) and run >= 0 for run in counts):
            return run_length.from_runs(counts, size), sum(counts[1::2])
    except ValueError as error:
        raise UnusableError(f"has a damaged mask: {error}") from error
    raise UnusableError("has a mask without run lengths")


def _polygons(shape: list[Any], size: Size) -> tuple[Rle, int]:
    parts = [shape] if is_number(shape[0]) else shape
    limit = 10 * max(size)
    good = [
        part
        for part in parts
        if isinstance(part, list)
        and len(part) >= 6
        and len(part) % 2 == 0
        and all(is_number(value) and abs(value) <= limit for value in part)
    ]
    if not good:
        raise UnusableError("has no polygon of three points or more")
    return run_length.from_polygons(good, size), len(parts) - len(good)
