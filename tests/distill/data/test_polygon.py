"""Outlines: one polygon through any number of parts and holes."""

import cv2
import numpy as np
import pytest

from distill.data import rle
from distill.data.polygon import joined, outlines


def refilled(polygon, size):
    return rle.decode(rle.from_polygons([polygon.ravel()], size))


@pytest.mark.slow
def test_thousands_of_specks_are_one_polygon():
    """Trying each with each other would take hours."""
    mask = np.zeros((1200, 1600), np.uint8)
    mask[4:-4:16, 5:-5:16] = 1
    rng = np.random.default_rng(1)
    mask[rng.integers(0, 1200, 3000), rng.integers(0, 1600, 3000)] = 1
    parts = outlines(mask)
    assert len(parts) > 9000
    polygon = joined(parts)
    assert len(polygon) >= sum(map(len, parts)), "every corner is passed"
    assert (refilled(polygon, mask.shape) == mask).all()


def test_specks_in_a_row_are_no_matter_of_depth():
    """Each hangs on the one before."""
    mask = np.zeros((3, 9000), np.uint8)
    mask[1, ::3] = 1
    assert (refilled(joined(outlines(mask)), mask.shape) == mask).all()


def length_of_bridges(polygon, parts):
    """Pixels of way that belong to no outline; each bridge is crossed twice."""
    closed = np.concatenate([polygon, polygon[:1]])
    rims = [np.concatenate([part, part[:1]]) for part in parts]
    way = sum(np.hypot(*np.diff(line, axis=0).T).sum() for line in rims)
    return (np.hypot(*np.diff(closed, axis=0).T).sum() - way) / 2


@pytest.mark.parametrize("seed", range(20))
def test_bridges_are_as_short_as_a_tree_can_be(seed):
    """Compared with Prim's algorithm over all pairs of corners."""
    rng = np.random.default_rng(seed)
    parts = [
        rng.integers(0, 400, 2) + np.array([(0, 0), (8, 0), (8, 6), (0, 6)]) / rng.integers(1, 4)
        for _ in range(rng.integers(2, 25))
    ]
    gaps = np.array(
        [[np.sqrt(((a[:, None] - b[None]) ** 2).sum(2).min()) for b in parts] for a in parts]
    )
    reached, total = {0}, 0.0
    while len(reached) < len(parts):
        ways = {(a, b): gaps[a, b] for a in reached for b in set(range(len(parts))) - reached}
        best = min(ways, key=ways.__getitem__)
        reached.add(best[1])
        total += ways[best]
    assert length_of_bridges(joined(parts), parts) == pytest.approx(total)


def test_parts_that_share_corners_are_joined_too():
    square = np.array([(0, 0), (4, 0), (4, 4), (0, 4)], float)
    parts = [square, square + 4, square + np.array([8, 0]), square]
    assert length_of_bridges(joined(parts), parts) == pytest.approx(0)


def test_the_polygon_of_a_mask_is_that_mask_for_coco_s_tools():
    """Frayed, blotted or smooth."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        soft = cv2.GaussianBlur(rng.random((60, 80)), (0, 0), rng.uniform(0.2, 4))
        mask = (soft > np.quantile(soft, rng.uniform(0.3, 0.97))).astype(np.uint8)
        assert (refilled(joined(outlines(mask)), mask.shape) == mask).all()


def test_a_smooth_edge_has_fewer_corners_than_pixels():
    rows, columns = np.mgrid[:300, :400]
    mask = (np.hypot(columns - 200, rows - 150) < 120).astype(np.uint8)
    assert len(joined(outlines(mask))) < 0.7 * 2 * np.pi * 120
