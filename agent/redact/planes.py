"""Planes that we own: I420 or NV12, packed one after another in one fresh buffer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agent.errors import PipelineError
from agent.frames.cpu_frame import planes_of

if TYPE_CHECKING:
    from agent.frames.frame import Frame, Planes


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
    lengths = [int(np.prod(shape)) for shape in shapes]
    starts = np.cumsum([0, *lengths])
    buffer = np.empty(starts[-1], np.uint8)
    return tuple(
        buffer[start : start + length].reshape(shape)
        for start, length, shape in zip(starts, lengths, shapes, strict=False)
    )


def copied_planes(frame: Frame) -> Planes:
    """The frame's planes, copied once.

    Raises:
        PipelineError: when the layout is neither I420 nor NV12.
    """
    planes = fresh_planes(frame, frame.size)
    for own, plane in zip(planes, planes_of(frame), strict=True):
        np.copyto(own, plane)
    return planes
