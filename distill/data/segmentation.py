"""A COCO annotation's `segmentation`, in any of its three forms, to one; and its `bbox`."""

from __future__ import annotations

import math
import re
from typing import Any, TypeGuard

from distill.data import rle as run_length
from distill.data.rle import Rle

Size = tuple[int, int]
"""Height, width, as COCO has it."""

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1, pixels."""

_ROUNDED_PX, _SAME_IOU = 2.0, 0.8
"""A box whose sides are all this near to its mask's, or that overlaps it this much, is the mask's.
Chosen, not measured: corners read as a corner and sides overlap less, unless they lie close to the
origin."""

_WHOLE_TEXT = re.compile(r"\s*[+-]?[0-9]{1,18}(\.0*)?\s*")


class UnusableError(Exception):
    """A record is left out; the message ends the sentence that began with its name."""


class EmptyError(UnusableError):
    """The same of a record without which nothing is lost: a repeat, or of something that is nowhere."""


def mask_of(shape: Any, size: Size) -> tuple[Rle, int]:
    """The mask of polygons, of run lengths as numbers, or of run lengths as a string.

    Args:
        shape: what stands in the file.
        size: of the image.

    Returns:
        The mask, and how many polygons of several are points or lines and were left out.

    Raises:
        UnusableError: it is damaged, of another size, or (EmptyError) covers no pixel.
    """
    if isinstance(shape, list) and shape:
        rle, bad = _polygons(shape, size)
        pixels = run_length.area(rle)
    elif isinstance(shape, dict):
        rle, pixels, bad = *_runs(shape, size), 0
    else:
        raise UnusableError("has a mask that is neither polygons nor run lengths")
    if not pixels:
        raise EmptyError("has a mask without area")
    return rle, bad


def box_of(raw: Any, size: Size) -> Box:
    """Corners from COCO's x, y, width, height, cut to the image.

    Raises:
        UnusableError: it is damaged, lies outside, or (EmptyError) has no area.
    """
    height, width = size
    raw = _in_numbers(raw)
    if not isinstance(raw, list) or len(raw) != 4 or not all(map(is_number, raw)):
        raise UnusableError("has a bbox that is not four numbers")
    x, y, wide, high = raw
    if wide < 0 or high < 0:
        raise UnusableError("has a box of negative size")
    if not wide or not high:
        raise EmptyError("has a box without area")
    box = (max(0.0, x), max(0.0, y), min(width, x + wide), min(height, y + high))
    if box[2] <= box[0] or box[3] <= box[1]:
        raise UnusableError(f"has a box outside its image of {width}x{height} pixels")
    return (float(box[0]), float(box[1]), float(box[2]), float(box[3]))


def fits(box: Box, around: Box) -> bool:
    """Whether a box may be that of a mask whose tight box is `around`: rounded, or drawn loosely."""
    if max(abs(a - b) for a, b in zip(box, around, strict=True)) <= _ROUNDED_PX:
        return True
    wide = min(box[2], around[2]) - max(box[0], around[0])
    high = min(box[3], around[3]) - max(box[1], around[1])
    shared = max(0.0, wide) * max(0.0, high)
    areas = [(x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in (box, around)]
    return shared >= _SAME_IOU * (sum(areas) - shared)


def is_whole(value: Any) -> TypeGuard[int]:
    """A whole number; JSON's true and false are none."""
    return type(value) is int


def as_whole(value: Any) -> Any:
    """A whole number where it stands as 1.0, "1" or "1.0"; anything else as it is."""
    if type(value) is float and value.is_integer():
        return int(value)
    if type(value) is str and _WHOLE_TEXT.fullmatch(value):
        return int(value.split(".")[0])
    return value


def is_number(value: Any) -> TypeGuard[float]:
    """A finite number."""
    return type(value) in (int, float) and math.isfinite(value)


def _in_numbers(values: Any) -> Any:
    """A list in which numbers stand as text, in numbers; anything else as it is."""
    if not isinstance(values, list) or not any(isinstance(value, str) for value in values):
        return values
    try:
        return [float(value) if isinstance(value, str) else value for value in values]
    except ValueError:
        return values


def _runs(shape: dict[str, Any], size: Size) -> tuple[Rle, int]:
    sides = shape.get("size")
    if not isinstance(sides, list) or [as_whole(side) for side in sides] != list(size):
        raise UnusableError(
            f"has a mask of [height, width] {str(shape.get('size'))[:20]}, but its image has "
            f"{list(size)}"
        )
    counts = shape.get("counts")
    if isinstance(counts, list) and not all(map(is_whole, counts)):
        counts = [as_whole(run) for run in counts]
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
    shape = _in_numbers(shape)
    parts = [shape] if is_number(shape[0]) else [_in_numbers(part) for part in shape]
    limit = 10 * max(size)
    for part in parts:
        if (
            not isinstance(part, list)
            or len(part) % 2
            or not all(is_number(value) and abs(value) <= limit for value in part)
        ):  # without it, this part of the object would be background
            raise UnusableError("has a polygon that is damaged")
    good = [part for part in parts if len(part) >= 6]
    if not good:
        raise UnusableError("has no polygon of three points or more")
    return run_length.from_polygons(good, size), len(parts) - len(good)
