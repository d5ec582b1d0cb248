"""A frame's picture as kernels read it: where it is on the GPU, or in a copy there."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from agent.frames.cpu_frame import planes_of
from agent.frames.cuda_frame import CudaFrame
from models.runtime.borrowed import borrowed
from models.runtime.cuda.network_input import YuvOnGpu

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.frames.frame import Frame
    from models.runtime.gpu import GpuWork


@contextmanager
def picture_of(frame: Frame, work: GpuWork) -> Iterator[YuvOnGpu]:
    """The picture, for what is asked of the GPU meanwhile."""
    if isinstance(frame, CudaFrame):
        yield picture_on(frame)
        return
    planes = planes_of(frame)
    ends = np.cumsum([plane.size for plane in planes])
    with borrowed(work, int(ends[-1])) as held:
        addresses = held, *(held + int(end) for end in ends[:-1])
        for address, plane in zip(addresses, planes, strict=True):
            work.upload(address, plane)
        width, (u, *rest) = frame.size[0], addresses[1:]
        half = (width + 1) // 2
        if rest:
            yield _picture(frame, (held, u, rest[0]), (width, half), 1)
        else:
            yield _picture(frame, (held, u, u + 1), (width, 2 * half), 2)


def picture_on(frame: CudaFrame) -> YuvOnGpu:
    """The picture where it is."""
    u = frame.chroma
    return _picture(frame, (frame.luma, u, u + 1), (frame.pitch, frame.pitch), 2)


def _picture(
    frame: Frame, addresses: tuple[int, int, int], pitches: tuple[int, int], step: int
) -> YuvOnGpu:
    return YuvOnGpu(
        size=frame.size,
        luma=addresses[0],
        luma_pitch=pitches[0],
        u=addresses[1],
        v=addresses[2],
        chroma_pitch=pitches[1],
        chroma_step=step,
        matrix=frame.colour.matrix,
        full_range=frame.colour.full_range,
    )
