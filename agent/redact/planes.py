"""Planes that we own: I420 or NV12, packed one after another in one fresh buffer; their colours."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from agent.errors import PipelineError
from agent.frames.cpu_frame import planes_of
from agent.redact.hide import Layer
from models.preprocess import yuv_to_rgb

if TYPE_CHECKING:
    from agent.frames.frame import Colour, Frame, Plane, Planes
    from models.preprocess import Matrix


def fresh_planes(frame: Frame, size: tuple[int, int]) -> Planes:
    """Unfilled planes of `size` (width, height), in the layout that the frame has.

    Raises:
        PipelineError: when that is neither I420 nor NV12.
    """
    theirs = planes_of(frame)
    width, height = size
    half = ((height + 1) // 2, (width + 1) // 2)
    shapes: list[tuple[int, ...]]
    if len(theirs) == 3:
        shapes = [(height, width), half, half]
    elif len(theirs) == 2:
        shapes = [(height, width), (*half, 2)]
    else:
        raise PipelineError(
            f"a frame of {len(theirs)} planes is neither I420 nor NV12; convert it first"
        )
    given = [plane.shape for plane in theirs]
    if frame.size == size and given != shapes:
        raise PipelineError(f"planes of {given} are no {width}x{height} I420 or NV12")
    if any(plane.dtype != np.uint8 for plane in theirs):
        raise PipelineError("planes of more than 8 bits; convert the frame first")
    return packed_planes(size, len(theirs))


def packed_planes(size: tuple[int, int], count: int) -> Planes:
    """Unfilled planes of `size` (width, height), three of I420 or two of NV12, in one buffer."""
    width, height = size
    half = ((height + 1) // 2, (width + 1) // 2)
    chroma: list[tuple[int, ...]] = [half, half] if count == 3 else [(*half, 2)]
    shapes = [(height, width), *chroma]
    lengths = [math.prod(shape) for shape in shapes]
    starts = accumulate(lengths, initial=0)
    buffer = np.empty(sum(lengths), np.uint8)
    return tuple(
        buffer[start : start + length].reshape(shape)
        for start, length, shape in zip(starts, lengths, shapes, strict=False)
    )


def buffer_of(planes: Planes) -> Plane:
    """The buffer, uint8 [bytes], that planes were packed in."""
    return np.asarray(planes[0].base)


def copied_planes(frame: Frame) -> Planes:
    """The frame's planes, copied once.

    Raises:
        PipelineError: when the layout is neither I420 nor NV12.
    """
    planes = fresh_planes(frame, frame.size)
    for own, plane in zip(planes, planes_of(frame), strict=True):
        np.copyto(own, plane)
    return planes


def layers_of(planes: Planes, colour: Colour, rgb: tuple[int, int, int]) -> list[Layer]:
    """The planes as layers to hide in, luma first.

    Args:
        colour: what the planes' numbers mean.
        rgb: the colour of `solid`, 0 to 255.
    """
    flats = flat_planes(rgb, colour, len(planes))
    luma, *chroma = zip(planes, flats, strict=True)
    return [Layer(*luma), *(Layer(*each, step=2, quantum=8) for each in chroma)]


def flat_planes(rgb: tuple[int, int, int], colour: Colour, planes: int) -> list[tuple[int, ...]]:
    """The values of an RGB colour in I420's three planes, or in NV12's two."""
    y, u, v = _yuv(rgb, colour.matrix, full_range=colour.full_range)
    return [(y,), (u,), (v,)] if planes == 3 else [(y,), (u, v)]


@lru_cache(maxsize=256)
def _yuv(rgb: tuple[int, int, int], matrix: Matrix, *, full_range: bool) -> tuple[int, int, int]:
    affine = yuv_to_rgb(matrix, full_range=full_range)
    exact = np.linalg.solve(affine[:, :3], np.asarray(rgb) - affine[:, 3])
    y, u, v = np.clip(np.rint(exact), 0, 255).astype(int).tolist()
    return y, u, v
