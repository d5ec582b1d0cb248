"""Replacement: the pixels that an effect leaves of a region.

Blur and pixelate keep a few cells along an object's longer side (`Effect.max_cells`), each an
average over its area, rounded to 4 bits a channel (5 in chroma). The number holds for any size,
unlike a fixed kernel, which a large face survives (arXiv 2506.12344: 95.9 % re-identified through
a Gaussian). The grid lies on the object's own rectangle, frame by frame. One that lay elsewhere in
each frame would give more away, since then an average over frames shows what lies between the
cells (`make bench BENCH=effects`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

if TYPE_CHECKING:
    from agent.frames.frame import Plane
    from agent.redact.effect import Effect

MIN_CELL_PX = 4
"""A small object gets fewer cells, for a cell of one pixel would hide nothing."""

Quantum = Literal[8, 16]
"""How far apart the values lie that a cell may take: 16 in luma or RGB, and 8 in chroma, which
tells little and uses less than half of its range."""


def _levels(quantum: Quantum) -> Plane:
    """A look-up table to the nearest multiple, which leaves neutral chroma (128) neutral."""
    nearest = (np.arange(256) + quantum // 2) // quantum * quantum
    return np.asarray(np.minimum(nearest, 256 - quantum), np.uint8)


_LEVELS: dict[Quantum, Plane] = {8: _levels(8), 16: _levels(16)}


def replacement(
    effect: Effect, region: Plane, cells: tuple[int, int], flat: tuple[int, ...], quantum: Quantum
) -> Plane:
    """A picture of the same shape that may stand where `region` stands.

    Args:
        region: uint8 [h, w] or [h, w, channels]; only read.
        cells: how many cells it may keep along x and y.
        flat: the colour of `solid`, one value a channel.
        quantum: how far apart the values of a cell lie.
    """
    if effect.kind == "solid":
        # Numbers of Python's would be made bytes once for every pixel.
        return np.full(region.shape, np.array(flat, np.uint8))
    height, width = region.shape[:2]
    if effect.kind == "pixelate":
        coarse = cv2.LUT(_averages(region, cells), _LEVELS[quantum])
        grown = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)
    else:
        smooth = cv2.blur(_averages(region, cells), (3, 3), borderType=cv2.BORDER_REPLICATE)
        coarse = cv2.LUT(smooth, _LEVELS[quantum])
        grown = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(grown, np.uint8)


def cells_of(width: int, height: int, most: int) -> tuple[int, int]:
    """How many cells, roughly square, a rectangle of this many pixels may keep along x and y.

    Args:
        most: along the longer side.
    """
    longer = max(width, height)
    along = min(most, max(1, longer // MIN_CELL_PX))
    cell_px = longer / along
    return max(1, round(width / cell_px)), max(1, round(height / cell_px))


def _averages(region: Plane, cells: tuple[int, int]) -> Plane:
    """The mean of each cell. Halved first: exact for even sides, and a quarter of the time."""
    height, width = region.shape[:2]
    half = (width + 1) // 2, (height + 1) // 2
    halved = cv2.resize(region, half, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(halved, cells, interpolation=cv2.INTER_AREA), np.uint8)
