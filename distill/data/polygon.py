"""Polygons around masks, for formats that know no others."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

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
    """The outer edge of each part of a mask [h, w], and that of each hole; x y in pixels."""
    columns = np.flatnonzero(mask.any(axis=0))
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return []
    x, y = int(columns[0]), int(rows[0])
    part = mask[y : rows[-1] + 1, x : columns[-1] + 1]
    finer = np.kron(part != 0, np.ones((_FINER, _FINER), np.uint8))
    found, _ = cv2.findContours(finer, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    result = []
    for contour in found:
        simple = cv2.approxPolyDP(contour, _TOLERANCE_PX * _FINER, closed=True)
        if len(simple) < 3:  # a speck: keep its four corners
            simple = cv2.boxPoints(cv2.minAreaRect(contour))[:, None]
        result.append((simple[:, 0].astype(np.float64) + 0.5) / _FINER + [x, y])
    return result


def joined(parts: Sequence[Points]) -> Points:
    """One polygon through all parts: each is reached over a bridge of no width, there and back.

    A hole is a part like any other: who fills a polygon fills what is inside an odd number of
    times. A bridge runs between the nearest corners, as Ultralytics' `merge_multi_segment` has it;
    all of them together are a minimum spanning tree (Prim 1957).
    """
    parts = sorted(parts, key=len, reverse=True)
    bridges: dict[int, _Bridge] = {}
    found: list[int] = []
    left, new = set(range(1, len(parts))), 0
    while left:
        for i in left:
            bridge = _nearest(new, parts[new], parts[i])
            bridges[i] = min(bridges.get(i, bridge), bridge)
        new = min(left, key=lambda i: (bridges[i], i))
        left.remove(new)
        found.append(new)
    detours: list[list[tuple[int, Points]]] = [[] for _ in parts]
    for i in reversed(found):  # what hangs on a part was found after it
        _, parent, here, there = bridges[i]
        detours[parent].append((here, _around(parts[i], there, detours[i])))
    return _around(parts[0], 0, detours[0])[:-1]


class _Bridge(NamedTuple):
    """Squared length, the part that it begins at, and the corners of both parts."""

    length: float
    parent: int
    here: int
    there: int


def _nearest(parent: int, part: Points, other: Points) -> _Bridge:
    gaps = ((part[:, None] - other[None]) ** 2).sum(axis=2)
    here, there = np.unravel_index(int(gaps.argmin()), gaps.shape)
    return _Bridge(float(gaps[here, there]), parent, int(here), int(there))


def _around(part: Points, first: int, detours: Sequence[tuple[int, Points]]) -> Points:
    """From a corner once around and back to it, with detours from corners on the way."""
    ring = np.concatenate([part[first:], part[: first + 1]])
    pieces, before = [], 0
    for place, detour in sorted(
        (((here - first) % len(part), detour) for here, detour in detours), key=itemgetter(0)
    ):
        pieces += [ring[before : place + 1], detour]
        before = place
    return np.concatenate([*pieces, ring[before:]])
