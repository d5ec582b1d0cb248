"""CudaPainter: hides in frames that lie on a GPU, by the very patches that are hidden on a CPU.

Only what may be shown leaves the GPU. The kernels give the bytes that `agent.redact.hide` gives
(tests/agent/cuda/test_painter.py), as far as g++ can tell: never run on hardware.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from agent.frames.cuda_frame import CudaFrame
from agent.redact.hide import stencils_of
from agent.redact.planes import buffer_of, flat_planes, packed_planes
from agent.redact.replacement import cells_of
from models.runtime.borrowed import borrowed
from models.runtime.cuda.network_input import scale
from models.runtime.kernel_sources import over

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.frames.frame import Colour, Frame, Plane, Planes
    from agent.redact.effect import Effect
    from agent.redact.hide import CoverShape, Stencil
    from agent.redact.painter import Rgb
    from agent.redact.patch import Patch
    from models.runtime.gpu import GpuWork

_ALIGN = 256
"""Bytes at whose multiples parts of one allocation begin, as CUDA's own allocations do."""


@dataclass(frozen=True, slots=True)
class _Hole:
    """What is hidden at once.

    Attributes:
        left: even, picture pixels; as is `top`.
        size: width and height of what lies in the picture.
        mask: uint8 [h, w], even along both sides; None to hide all of it.
        cells: how many cells it keeps along x and y.
        effect: what hides it.
    """

    left: int
    top: int
    size: tuple[int, int]
    mask: Plane | None
    cells: tuple[int, int]
    effect: Effect

    @classmethod
    def of(cls, stencil: Stencil, picture: tuple[int, int]) -> _Hole:
        height, width = stencil.pixels.shape
        size = min(width, picture[0] - stencil.left), min(height, picture[1] - stencil.top)
        cells, effect = stencil.cells, stencil.effect
        return cls(stencil.left, stencil.top, size, stencil.pixels, cells, effect)

    @property
    def half(self) -> tuple[int, int]:
        """Width and height of its luma at half the size, of which cells are made."""
        return (self.size[0] + 1) // 2, (self.size[1] + 1) // 2


class CudaPainter:
    """A `Painter` for frames on a GPU; every method raises InferenceError where the GPU fails."""

    def flat(self, frame: Frame, size: tuple[int, int], rgb: Rgb) -> Planes:
        """See `Painter`."""
        planes = packed_planes(size, 2)
        for plane, flat in zip(planes, flat_planes(rgb, frame.colour, 2), strict=True):
            plane[:] = flat if len(flat) > 1 else flat[0]
        return planes

    def whole(self, frame: Frame, effect: Effect) -> Planes:
        """See `Painter`."""
        cells = cells_of(*frame.size, effect.max_cells)
        return _painted(frame, [_Hole(0, 0, frame.size, None, cells, effect)], effect.rgb)

    def patched(
        self, frame: Frame, patches: Sequence[Patch], shape: CoverShape, rgb: Rgb
    ) -> Planes:
        """See `Painter`."""
        stencils = stencils_of(patches, frame.size, shape)
        return _painted(frame, [_Hole.of(each, frame.size) for each in stencils], rgb)


def _painted(frame: Frame, holes: Sequence[_Hole], rgb: Rgb) -> Planes:
    if not isinstance(frame, CudaFrame):
        raise TypeError(f"{type(frame).__name__} is not on a GPU")
    planes = packed_planes(frame.size, 2)
    frame.gpu.do(lambda work: _Painting(work, frame, planes).paint(holes, rgb))
    return planes


class _Painting:
    """One frame, on the GPU's thread."""

    def __init__(self, work: GpuWork, frame: CudaFrame, planes: Planes) -> None:
        self._work, self._frame, self._planes = work, frame, planes

    def paint(self, holes: Sequence[_Hole], rgb: Rgb) -> None:
        """Copy the frame on the GPU, hide there, and fetch what is left."""
        picture = buffer_of(self._planes)
        masks = [hole.mask.ravel() for hole in holes if hole.mask is not None]
        mask = np.concatenate(masks) if masks else np.empty(0, np.uint8)
        cells = max((int(np.prod(hole.cells)) for hole in holes), default=0)
        halves = max((int(np.prod(hole.half)) for hole in holes), default=0)
        sums = max((hole.half[1] * hole.cells[0] for hole in holes), default=0)
        sizes = len(picture), len(mask), 3 * halves, 3 * 4 * sums, 3 * cells
        parts = np.cumsum([0, *map(_aligned, sizes)])
        with borrowed(self._work, int(parts[-1])) as held:
            at_picture, at_mask, *scratch, _ = (int(part) + held for part in parts)
            self._copy(at_picture)
            if len(mask):
                self._work.upload(at_mask, mask)
            for hole in holes:
                self._hide(hole, at_picture, at_mask, scratch, rgb)
                at_mask += 0 if hole.mask is None else hole.mask.size
            self._work.download(picture, at_picture)

    def _copy(self, address: int) -> None:
        frame, (width, height) = self._frame, self._frame.size
        chroma = address + width * height
        for source, target, across, down in (
            (frame.luma, address, width, height),
            (frame.chroma, chroma, (width + 1) // 2 * 2, (height + 1) // 2),
        ):
            self._work.launch(
                "sparse_plane",
                *over(across, down),
                *(np.uintp(source), np.int32(frame.pitch), np.int32(1)),
                *(np.uintp(target), np.int32(across), np.int32(down)),
            )

    def _hide(self, hole: _Hole, address: int, mask: int, scratch: Sequence[int], rgb: Rgb) -> None:
        width, height = self._frame.size
        halves, sums, cells = (np.uintp(part) for part in scratch)
        solid, smooth = hole.effect.kind == "solid", np.int32(hole.effect.kind == "blur")
        sides = tuple(map(np.int32, hole.size))
        region = (
            *(np.uintp(address), np.int32(width)),
            *(np.uintp(address + width * height), np.int32((width + 1) // 2 * 2)),
            *(np.int32(hole.left), np.int32(hole.top), *sides),
        )
        across, down = hole.cells
        grid = np.int32(across), np.int32(down)
        if not solid:
            launch = self._work.launch
            launch("halve", *over(*hole.half, 3), *region, halves)
            launch("row_sums", *over(across, hole.half[1], 3), *sides, halves, *grid, sums)
            launch("cell_values", *over(across, down, 3), *sides, sums, *grid, smooth, cells)
        self._work.launch(
            "cover",
            *over(*hole.size, 2),
            *region,
            np.uintp(0 if hole.mask is None else mask),
            np.int32(0 if hole.mask is None else hole.mask.shape[1]),
            *(np.uintp(0) if solid else cells, *grid, smooth),
            *_scales(hole),
            *_flats(rgb, self._frame.colour),
        )


def _aligned(size_bytes: int) -> int:
    return -(-size_bytes // _ALIGN) * _ALIGN


def _scales(hole: _Hole) -> list[np.float64]:
    """Cells a pixel along x and y, of luma and of chroma."""
    width, height = hole.size
    sides = width, height, (width + 1) // 2, (height + 1) // 2
    return [
        np.float64(scale(cells, side))
        for cells, side in zip((*hole.cells, *hole.cells), sides, strict=True)
    ]


def _flats(rgb: Rgb, colour: Colour) -> list[np.int32]:
    return [np.int32(value) for plane in flat_planes(rgb, colour, 2) for value in plane]
