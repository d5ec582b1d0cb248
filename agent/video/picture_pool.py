"""PicturePool: memory for pictures that are copied out of a decoder, used again and again."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import numpy as np
from av.video.frame import VideoFrame

if TYPE_CHECKING:
    from agent.frames.frame import Plane, Planes

_MOST_SPARE = 8
"""Pictures' memory that is kept while nobody needs it. Chosen, not measured: more than a pipeline
lets go of at once."""


class PicturePool:
    """Copies planes into pictures of libav's kind.

    A picture's memory comes back when the last view of it is gone. Fresh memory would be taken from
    the system for each: 0.58 ms a picture of 720p, where 0.03 ms copy it into what is at hand.
    """

    def __init__(self) -> None:
        self._spare: list[bytearray] = []

    def copied(self, planes: Planes) -> VideoFrame:
        """A picture of its own with these planes, I420 or NV12."""
        height, width = planes[0].shape
        layout = "nv12" if len(planes) == 2 else "yuv420p"
        if width % 2 or height % 4:  # which PyAV takes no memory of ours for
            picture = VideoFrame(width, height, layout)
            for plane, into in zip(planes, picture.planes, strict=True):
                rows = np.frombuffer(memoryview(into), np.uint8).reshape(-1, into.line_size)
                flat = plane.reshape(len(plane), -1)
                rows[: len(flat), : flat.shape[1]] = flat
            return picture
        memory = self._memory(sum(plane.size for plane in planes))
        at = 0
        for plane in planes:
            memory[at : at + plane.size].reshape(plane.shape)[:] = plane
            at += plane.size
        return VideoFrame.from_numpy_buffer(memory.reshape(-1, width), layout)

    def _memory(self, size: int) -> Plane:
        raw = self._spare.pop() if self._spare else bytearray(size)
        if len(raw) != size:
            raw = bytearray(size)
        array = np.frombuffer(raw, np.uint8)
        weakref.finalize(array, self._back, raw).atexit = False
        return array

    def _back(self, raw: bytearray) -> None:
        """Called where the last view goes, on any thread."""
        if len(self._spare) < _MOST_SPARE:
            self._spare.append(raw)
