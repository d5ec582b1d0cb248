"""Run-length encoded masks, as COCO has them: column by column, zeros first, in one short string.

The string is faster-coco-eval's and pycocotools' "compressed" form. It holds masks of several
parts and with holes exactly, which a polygon can't; that is why it is the master.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from faster_coco_eval.core import mask as coco_mask

from models.instances import MASK_THRESHOLD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.instances import Mask

    Pixels = npt.NDArray[np.uint8]

_MAX_CHARACTERS = 12
"""Of 5 bits each, that a run of 2^60 pixels would take; more is no mask."""


@dataclass(frozen=True, slots=True)
class Rle:
    """A mask in the size of its image.

    Attributes:
        size: height, width (COCO's order).
        counts: COCO's compressed run lengths.
    """

    size: tuple[int, int]
    counts: str

    def to_json(self) -> dict[str, Any]:
        """What stands in a COCO file's `segmentation`."""
        return {"size": list(self.size), "counts": self.counts}


def encode(mask: Pixels) -> Rle:
    """Pack a mask [h, w]; every value but 0 is object."""
    return _packed(coco_mask.encode(np.asfortranarray(mask != 0, dtype=np.uint8)))


def decode(rle: Rle) -> Pixels:
    """The mask, uint8 [h, w], 0 or 1."""
    return np.ascontiguousarray(coco_mask.decode(rle.to_json()), dtype=np.uint8)


def from_mask(mask: Mask, size: tuple[int, int], threshold: int = MASK_THRESHOLD) -> Rle:
    """Pack a network's mask without ever unfolding it to the size of the image.

    Args:
        mask: probability in one rectangle; what lies outside the image is cut off.
        size: height, width of the image.
        threshold: pixels of this value or more are object.
    """
    height, width = size
    y0, x0 = max(0, mask.y), max(0, mask.x)
    y1 = min(height, mask.y + mask.pixels.shape[0])
    x1 = min(width, mask.x + mask.pixels.shape[1])
    if y1 <= y0 or x1 <= x0:
        return from_runs([height * width], size)
    part = mask.pixels[y0 - mask.y : y1 - mask.y, x0 - mask.x : x1 - mask.x] >= threshold
    columns = part.T
    if y1 - y0 < height:
        # A column ends in the rectangle's last row, unless it goes on at the top of the next.
        columns = np.pad(columns, ((0, 0), (0, 1)))
    rows = columns.shape[1]
    line = np.concatenate(([False], columns.ravel(), [False]))
    change = np.flatnonzero(line[1:] != line[:-1])
    offsets = (x0 + change // rows) * height + y0 + change % rows
    lengths = np.diff(offsets, prepend=0, append=height * width)
    return from_runs(lengths[: len(lengths) - (lengths[-1] == 0)].tolist(), size)


def from_polygons(polygons: Sequence[Sequence[float]], size: tuple[int, int]) -> Rle:
    """Fill polygons [[x0, y0, x1, y1, ...], ...] as pycocotools does; several are united."""
    height, width = size
    parts = coco_mask.frPyObjects(
        [list(map(float, polygon)) for polygon in polygons], height, width
    )
    return _packed(coco_mask.merge(parts) if len(parts) > 1 else parts[0])


def from_runs(lengths: Sequence[int], size: tuple[int, int]) -> Rle:
    """Pack COCO's uncompressed run lengths: zeros, ones, zeros, ... column by column.

    Raises:
        ValueError: they do not fill the image exactly.
    """
    height, width = size
    if sum(lengths) != height * width:
        raise ValueError(f"its runs do not fill its {width}x{height} pixels")
    whole = {"size": [height, width], "counts": [int(run) for run in lengths]}
    return _packed(coco_mask.frPyObjects(whole, height, width))


def from_box(box: Sequence[float], size: tuple[int, int]) -> Rle:
    """A rectangle x0, y0, x1, y1, filled."""
    x0, y0, x1, y1 = box
    return from_polygons([[x0, y0, x1, y0, x1, y1, x0, y1]], size)


def runs(counts: str) -> npt.NDArray[np.int64]:
    """Unpack run lengths: zeros, ones, zeros, ...

    A number is written in groups of 5 bits, lowest first, each in one character from `0` on;
    bit 5 says that more follow, and the last group's bit 4 is the sign. From the fourth number
    on, each is the difference from the one two before.

    Raises:
        ValueError: it isn't written so.
    """
    if not counts:
        raise ValueError("its run lengths are empty")
    groups = np.frombuffer(counts.encode("ascii", "replace"), np.uint8).astype(np.int64) - 48
    if groups.min() < 0 or groups.max() > 63:
        raise ValueError("its run lengths hold a character that none can have")
    ends = np.flatnonzero(groups < 32)
    if not len(ends) or ends[-1] != len(groups) - 1:
        raise ValueError("its run lengths are cut off")
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    if lengths.max() > _MAX_CHARACTERS:
        raise ValueError("one of its run lengths is absurdly long")
    shifts = 5 * (np.arange(len(groups)) - np.repeat(starts, lengths))
    numbers = np.add.reduceat((groups & 31) << shifts, starts)
    numbers -= np.where(groups[ends] & 16, np.int64(1) << (5 * lengths), 0)
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    return numbers


def checked_area(rle: Rle) -> int:
    """The number of object pixels, after a check that the runs fill the image exactly.

    Raises:
        ValueError: they don't, or can't be unpacked; the message is what is wrong.
    """
    lengths = runs(rle.counts)
    if lengths.min() < 0:
        raise ValueError("one of its run lengths is negative")
    whole = rle.size[0] * rle.size[1]
    if lengths.max() > whole or lengths.sum() != whole:
        raise ValueError(f"its runs do not fill its {rle.size[1]}x{rle.size[0]} pixels")
    return int(lengths[1::2].sum())


def area(rle: Rle) -> int:
    """How many pixels are object."""
    return int(coco_mask.area(rle.to_json()))


def box(rle: Rle) -> tuple[float, float, float, float]:
    """The corners x0, y0, x1, y1 around all object pixels; all 0 where there are none."""
    x, y, width, height = (float(value) for value in coco_mask.toBbox(rle.to_json()))
    return (x, y, x + width, y + height)


def union(parts: Sequence[Rle]) -> Rle:
    """Every pixel that belongs to one of these masks of one image."""
    return _packed(coco_mask.merge([part.to_json() for part in parts]))


def overlaps(
    found: Sequence[Rle], there: Sequence[Rle], regions: Sequence[bool] = ()
) -> npt.NDArray[np.float64]:
    """Intersection over union [found, there]; where `regions` says so, over what was found."""
    if not found or not there:
        return np.zeros((len(found), len(there)))
    crowd = list(map(int, regions)) or [0] * len(there)
    table = coco_mask.iou([a.to_json() for a in found], [b.to_json() for b in there], crowd)
    return np.asarray(table, np.float64).reshape(len(found), len(there))


def _packed(whole: dict[str, Any]) -> Rle:
    counts = whole["counts"]
    height, width = whole["size"]
    return Rle(
        (int(height), int(width)), counts.decode("ascii") if isinstance(counts, bytes) else counts
    )
