"""CudaFrame: a frame whose planes are in a GPU's memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from agent.frames.thumbnail import sparse_step, thumbnail_from
from models.runtime.borrowed import borrowed
from models.runtime.kernel_sources import over

if TYPE_CHECKING:
    from fractions import Fraction

    from agent.frames.frame import Colour, Plane, Planes
    from models.runtime.gpu import Gpu, GpuWork


@dataclass(frozen=True, slots=True)
class CudaFrame:
    """A `Frame` as NV12 on a GPU. Its planes belong to the decoder: read, never write.

    Attributes:
        gpu: the GPU; both addresses are of the context that it owns, and what the decoder wrote
            there was finished before this frame was made.
        luma: address of Y [h, w], uint8.
        chroma: address of UV [ceil(h/2), ceil(w/2), 2], uint8.
        pitch: bytes from one row to the next, in both planes.
        size: width, height in pixels.
        owner: whatever keeps the memory valid for as long as it is held.
        index: 0 for the first frame that the source gave, then counting.
        pts: presentation time in units of `time_base` seconds.
        suspect: predicted from pictures that were damaged; nobody knows what it shows.
        opens_scene: nothing in it can be found by where it was in the frame before.
        duration: how long it is shown, in units of `time_base`; 0 where nobody knows.
    """

    gpu: Gpu
    luma: int
    chroma: int
    pitch: int
    size: tuple[int, int]
    owner: object = field(repr=False)
    index: int
    pts: int
    time_base: Fraction
    colour: Colour
    suspect: bool = False
    opens_scene: bool = False
    duration: int = 0
    _thumbnail: list[Plane] = field(default_factory=list, repr=False, compare=False)

    def thumbnail(self) -> Plane:
        """The luma, scaled down; made at the first call, by the one thread that asks.

        Raises:
            InferenceError: the GPU failed.
        """
        if not self._thumbnail:
            sparse = self.gpu.do(self._sparse_luma)
            self._thumbnail.append(thumbnail_from(sparse, self.size))
        return self._thumbnail[0]

    def fetched(self) -> Planes:
        """The planes in main memory, for those who can't read them where they are.

        Raises:
            InferenceError: the GPU failed.
        """
        width, height = self.size
        luma = np.empty((height, width), np.uint8)
        chroma = np.empty(((height + 1) // 2, (width + 1) // 2, 2), np.uint8)
        self.gpu.do(lambda work: self._download(work, self.luma, luma))
        self.gpu.do(lambda work: self._download(work, self.chroma, chroma))
        return luma, chroma

    def _sparse_luma(self, work: GpuWork) -> Plane:
        step = sparse_step(self.size)
        width, height = (-(-side // step) for side in self.size)
        sparse = np.empty((height, width), np.uint8)
        self._download(work, self.luma, sparse, step)
        return sparse

    def _download(self, work: GpuWork, plane: int, to: Plane, step: int = 1) -> None:
        """Fill an array from every `step`-th byte of every `step`-th row of a plane."""
        height, width = len(to), to[0].size
        with borrowed(work, to.nbytes) as packed:
            work.launch(
                "sparse_plane",
                *over(width, height),
                *(np.uintp(plane), np.int32(self.pitch), np.int32(step)),
                *(np.uintp(packed), np.int32(width), np.int32(height)),
            )
            work.download(to, packed)
