"""Prototype masks: made on a GPU, all those of an image in one go.

Within 1/255 of `models.masks.masks_from_prototypes` (tests/cuda/test_prototype_masks.py): sums of
products and `exp` are rounded otherwise here. Before OpenCV 5 it is the CPU's masks that are further
off, by what lies in 1/32 of a cell. Never run on hardware.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.instances import Mask
from models.masks import LOGIT_LIMIT, AxisCells, masks_from_prototypes
from models.runtime.borrowed import borrowed
from models.runtime.kernel_sources import over

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.masks import Floats, Rectangle
    from models.preprocess import Letterbox
    from models.runtime.gpu import Gpu, GpuWork


LEAST_PX = 200_000
"""Of all objects together; fewer are made on the CPU. Half measured: a CPU core takes 3 ns a pixel
(x86), and to send prototypes of 640 x 384 px and fetch the masks is reckoned at half a millisecond.
"""


@dataclass(frozen=True, slots=True)
class GpuMasks:
    """A `models.masks.PrototypeMasks`; raises InferenceError where the GPU fails."""

    gpu: Gpu

    def __call__(
        self,
        prototypes: Floats,
        coefficients: Floats,
        rectangles: Sequence[Rectangle],
        fit: Letterbox,
        stride: tuple[float, float],
    ) -> list[Mask]:
        """See `models.masks.PrototypeMasks`."""
        if sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in rectangles) < LEAST_PX:
            return masks_from_prototypes(prototypes, coefficients, rectangles, fit, stride)
        image = _Image(prototypes, coefficients, rectangles, fit, stride)
        return self.gpu.do(image.masks)


@dataclass(frozen=True, slots=True)
class _Image:
    """What is asked for, on the GPU's thread."""

    prototypes: Floats
    coefficients: Floats
    rectangles: Sequence[Rectangle]
    fit: Letterbox
    stride: tuple[float, float]

    def masks(self, work: GpuWork) -> list[Mask]:
        sizes = [(x1 - x0, y1 - y0) for x0, y0, x1, y1 in self.rectangles]
        ends = np.cumsum([width * height for width, height in sizes])
        pixels = np.empty(ends[-1], np.uint8)
        numbers = np.concatenate(
            (self.prototypes.ravel(), self.coefficients.ravel()), dtype=np.float32
        )
        cells = self.prototypes[0].nbytes  # of all of them, and so enough for each object's logits
        with borrowed(work, numbers.nbytes + cells + pixels.nbytes) as held:
            work.upload(held, numbers)
            logits = held + numbers.nbytes
            at = logits + cells
            for number, size in enumerate(sizes):
                self._begin(work, held, number, logits, at)
                at += size[0] * size[1]
            work.download(pixels, logits + cells)
        parts = np.split(pixels, ends[:-1])
        return [
            Mask(x0, y0, part.reshape(size[::-1]))
            for (x0, y0, *_), size, part in zip(self.rectangles, sizes, parts, strict=True)
        ]

    def _begin(self, work: GpuWork, held: int, number: int, logits: int, mask: int) -> None:
        """Have one mask written to an address."""
        channels, rows, columns = self.prototypes.shape
        x0, y0, x1, y1 = self.rectangles[number]
        across = AxisCells.of(x0, x1, self.fit, self.stride, axis=0, limit=columns)
        down = AxisCells.of(y0, y1, self.fit, self.stride, axis=1, limit=rows)
        sides = np.int32(across.high - across.low), np.int32(down.high - down.low)
        coefficients = held + 4 * (self.prototypes.size + number * channels)
        work.launch(
            "mask_logits",
            *over(int(sides[0]), int(sides[1])),
            *(np.uintp(held), np.int32(channels), np.int32(rows), np.int32(columns)),
            *(np.uintp(coefficients), np.float32(LOGIT_LIMIT)),
            *(np.int32(across.low), np.int32(down.low), *sides, np.uintp(logits)),
        )
        work.launch(
            "mask_pixels",
            *over(x1 - x0, y1 - y0),
            *(np.uintp(logits), *sides),
            *(np.float64(across.start), np.float64(down.start)),
            *(np.float64(across.step), np.float64(down.step)),
            *(np.uintp(mask), np.int32(x1 - x0), np.int32(y1 - y0)),
        )
