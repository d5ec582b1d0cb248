"""Polygons around masks, for formats that know no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    Points = npt.NDArray[np.float64]

_FINER = 4
"""The mask is enlarged this much first, so that an outline runs along the pixels' outer edges
(an eighth of a pixel inside) and not through their middles, which would lose half a pixel all
around: 8 % of an object of 50x50."""

_TOLERANCE_PX = 0.4
"""How far the outline may leave the mask's edge: COCO's own polygons are coarser."""


def outlines(mask: npt.NDArray[np.uint8]) -> list[Points]:
    """The outer edge of each part of a mask [h, w], x y in pixels; holes are filled."""
    columns = np.flatnonzero(mask.any(axis=0))
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return []
    x, y = int(columns[0]), int(rows[0])
    part = mask[y : rows[-1] + 1, x : columns[-1] + 1]
    finer = np.kron(part != 0, np.ones((_FINER, _FINER), np.uint8))
    found, _ = cv2.findContours(finer, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    result = []
    for contour in found:
        simple = cv2.approxPolyDP(contour, _TOLERANCE_PX * _FINER, closed=True)
        if len(simple) < 3:  # a speck: keep its four corners
            simple = cv2.boxPoints(cv2.minAreaRect(contour))[:, None]
        result.append((simple[:, 0].astype(np.float64) + 0.5) / _FINER + [x, y])
    return result


def joined(parts: Sequence[Points]) -> Points:
    """One polygon through all parts: each is reached over a bridge of no width, there and back.

    The bridge runs between the nearest corners, as Ultralytics' `merge_multi_segment` has it.
    """
    whole, *others = sorted(parts, key=len, reverse=True)
    for _ in range(len(others)):
        gaps = [((whole[:, None] - other[None]) ** 2).sum(axis=2) for other in others]
        nearest = int(np.argmin([gap.min() for gap in gaps]))
        here, there = np.unravel_index(int(gaps[nearest].argmin()), gaps[nearest].shape)
        other = others.pop(nearest)
        detour = np.concatenate([other[there:], other[: there + 1]])
        whole = np.concatenate([whole[: here + 1], detour, whole[here:]])
    return whole
