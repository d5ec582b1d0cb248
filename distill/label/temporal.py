"""Temporal filter: short tracks are not believed, and short gaps of the others are filled."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt

from distill.data import rle as run_length
from distill.label.linking import cropped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distill.data.rle import Rle
    from distill.label.detection import Detection
    from distill.label.labelled_frame import LabelledFrame
    from distill.label.linking import Tracklet

    Floats = npt.NDArray[np.float64]


def is_long(track: Tracklet, times_seen: Sequence[int], min_track: int) -> bool:
    """Whether a track was observed often enough.

    Near-duplicates count as frames, or nothing that rests before a camera that rests would.

    Args:
        track: positions in it are indices of `times_seen`.
        times_seen: how many frames each labelled frame stands for.
        min_track: observations that a track needs.
    """
    return sum(times_seen[position] for position in track.detections) >= min_track


def fill(track: Tracklet, frames: Sequence[LabelledFrame]) -> list[tuple[int, Rle]]:
    """Masks for the frames within a track in which it was not seen: position and mask.

    `distill.label.linking` says how many frames a track may miss.
    """
    filled = []
    positions = sorted(track.detections)
    for before, after in pairwise(positions):
        for position in range(before + 1, after):
            whole = frames[after].index - frames[before].index
            share = (frames[position].index - frames[before].index) / whole
            mask = between(track.detections[before], track.detections[after], share)
            if run_length.area(mask):
                filled.append((position, mask))
    return filled


def between(before: Detection, after: Detection, share: float) -> Rle:
    """The mask a share of the way from one to the other, moved and blended.

    Both are moved to where the object's middle should be; then signed distances to their edges
    are averaged, so that one outline turns into the other.
    """
    height, width = before.rle.size
    start, end = (np.array(one.box).reshape(2, 2).mean(axis=0) for one in (before, after))
    middle = start + share * (end - start)
    boxes = [
        np.array(one.box) + np.tile(np.round(middle - at), 2)
        for one, at in ((before, start), (after, end))
    ]
    x0, y0 = np.minimum(boxes[0][:2], boxes[1][:2]).astype(int) - 1
    x1, y1 = np.maximum(boxes[0][2:], boxes[1][2:]).astype(int) + 1
    distances = [
        _signed_distance(_placed(one, box, (x0, y0, x1, y1)))
        for one, box in zip((before, after), boxes, strict=True)
    ]
    inside = (1 - share) * distances[0] + share * distances[1] > 0
    whole = np.zeros((height, width), np.uint8)
    left, top = max(0, x0), max(0, y0)
    right, bottom = min(width, x1), min(height, y1)
    if right > left and bottom > top:
        whole[top:bottom, left:right] = inside[top - y0 : bottom - y0, left - x0 : right - x0]
    return run_length.encode(whole)


def _placed(
    detection: Detection, box: npt.NDArray[np.float64], window: tuple[int, int, int, int]
) -> npt.NDArray[np.uint8]:
    """A mask with its box moved to `box`, in a window x0, y0, x1, y1 that holds all of it."""
    mask = cropped(detection)
    x0, y0, x1, y1 = window
    canvas = np.zeros((y1 - y0, x1 - x0), np.uint8)
    x, y = int(box[0]) - x0, int(box[1]) - y0
    canvas[y : y + mask.shape[0], x : x + mask.shape[1]] = mask
    return canvas


def _signed_distance(mask: npt.NDArray[np.uint8]) -> Floats:
    """Pixels to the edge, positive inside; the window's rim is outside.

    SciPy's, because OpenCV's differs from run to run in its last digit, which decides a tie.
    """
    return np.asarray(distance_transform_edt(mask) - distance_transform_edt(1 - mask))
