"""Polygons around masks, for formats that know no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial import Delaunay

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Points = npt.NDArray[np.float64]

_FINER = 4
"""The mask is enlarged this much first, so that an outline runs along the pixels' outer edges
(an eighth of a pixel inside) and not through their middles, which would lose half a pixel all
around: 8 % of an object of 50x50."""

_TOLERANCE_PX = 0.4
"""How far the outline may leave the mask's edge: COCO's own polygons are coarser, and their tools,
which look at the middles of pixels, make the very mask of it again."""


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
    all of them together are a minimum spanning tree.
    """
    doors = _tree(_bridges(parts), len(parts))
    pieces: list[Points] = []
    under_way = [_around(parts[0], 0, doors[0])]
    while under_way:  # no recursion: a thousand specks may hang one on the other
        step = next(under_way[-1], None)
        if step is None:
            under_way.pop()
        elif isinstance(step, _Door):
            under_way.append(_around(parts[step.part], step.there, doors[step.part]))
        else:
            pieces.append(step)
    return np.concatenate(pieces)[:-1]


class _Door(NamedTuple):
    """Where a part is left for another one: the corner here, the other part, its corner there."""

    here: int
    part: int
    there: int


def _bridges(parts: Sequence[Points]) -> list[tuple[int, int, int, int]]:
    """The spanning tree's bridges: a part, its corner, another part, its corner.

    The shortest way between any two groups of corners is an edge of Delaunay's triangulation
    (Preparata and Shamos 1985), so that only those few are tried, shortest first (Kruskal 1956).
    """
    if len(parts) < 2:
        return []
    counts = [len(part) for part in parts]
    part_of = np.repeat(np.arange(len(parts)), counts)
    corner_of = np.concatenate([np.arange(count) for count in counts])
    corners = np.concatenate(parts)
    # Joggled: of corners in rows, as specks have them, Qhull takes seconds for thousands.
    net = Delaunay(corners, qhull_options="QJ Qbb Qc")
    sides = [net.simplices[:, pair] for pair in ([0, 1], [1, 2], [2, 0])]
    twins = net.coplanar[:, [0, 2]]  # of corners in one place, it takes one
    edges = np.concatenate([*sides, twins])
    edges = np.unique(np.sort(edges[part_of[edges[:, 0]] != part_of[edges[:, 1]]], axis=1), axis=0)
    lengths = ((corners[edges[:, 0]] - corners[edges[:, 1]]) ** 2).sum(axis=1)
    group = list(range(len(parts)))

    def leader(part: int) -> int:
        while group[part] != part:
            group[part] = part = group[group[part]]
        return part

    bridges = []
    for a, b in edges[np.argsort(lengths, kind="stable")].tolist():
        first, second = leader(int(part_of[a])), leader(int(part_of[b]))
        if first != second:
            group[second] = first
            ends = (part_of[a], corner_of[a], part_of[b], corner_of[b])
            bridges.append((int(ends[0]), int(ends[1]), int(ends[2]), int(ends[3])))
    return bridges


def _tree(bridges: Sequence[tuple[int, int, int, int]], count: int) -> list[list[_Door]]:
    """The doors of each part, away from the first part, in the order of its corners."""
    ways: list[list[_Door]] = [[] for _ in range(count)]
    for part, corner, other, its_corner in bridges:
        ways[part].append(_Door(corner, other, its_corner))
        ways[other].append(_Door(its_corner, part, corner))
    doors: list[list[_Door]] = [[] for _ in range(count)]
    seen, waiting = {0}, [0]
    while waiting:
        part = waiting.pop()
        doors[part] = sorted(door for door in ways[part] if door.part not in seen)
        seen |= {door.part for door in doors[part]}
        waiting += [door.part for door in doors[part]]
    return doors


def _around(part: Points, first: int, doors: Sequence[_Door]) -> Iterator[Points | _Door]:
    """From a corner once around and back to it, and the doors on the way."""
    ring = np.concatenate([part[first:], part[: first + 1]])
    before = 0
    for door in sorted(doors, key=lambda door: (door.here - first) % len(part)):
        place = (door.here - first) % len(part)
        yield ring[before : place + 1]
        yield door
        before = place
    yield ring[before:]
