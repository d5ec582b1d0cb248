"""Network input: a picture that lies on a GPU, scaled, converted, padded and normalised there.

The same bytes as `models.preprocess.rgb_from_yuv` and `models.input_buffer` give on a CPU: it
computes in whole numbers, and rounds where OpenCV does (tests/cuda/test_network_input.py, with
OpenCV 4.10 and 5.0).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from models.input_buffer import factor_of
from models.preprocess import yuv_to_rgb
from models.runtime.kernel_sources import over

if TYPE_CHECKING:
    from models.input_spec import InputSpec
    from models.preprocess import Letterbox, Matrix
    from models.runtime.gpu import GpuWork

_ONE = 1024
"""What OpenCV's `transform` takes for 1."""


@dataclass(frozen=True, slots=True)
class YuvOnGpu:
    """Y'CbCr of 8 bits, 4:2:0, on a GPU.

    Attributes:
        size: width, height in pixels.
        luma: address of Y [h, w].
        luma_pitch: bytes from one row to the next.
        u: address of the first U.
        v: address of the first V.
        chroma_pitch: bytes from one row of U and V to the next.
        chroma_step: bytes from one U to the next: 1 in I420, 2 in NV12.
        matrix: what the numbers mean.
        full_range: likewise.
    """

    size: tuple[int, int]
    luma: int
    luma_pitch: int
    u: int
    v: int
    chroma_pitch: int
    chroma_step: int
    matrix: Matrix
    full_range: bool


def feed(work: GpuWork, picture: YuvOnGpu, fit: Letterbox, spec: InputSpec, address: int) -> None:
    """Begin to write float32 [1, 3, H, W] to an address on the GPU.

    Args:
        fit: where the picture lies in the input.
        spec: how the network is fed.

    Raises:
        InferenceError: the GPU failed.
    """
    width, height = picture.size
    chroma = (width + 1) // 2, (height + 1) // 2
    conversion = _conversion(picture.matrix, full_range=picture.full_range)
    work.launch(
        "network_input",
        *over(spec.width, spec.height),
        *(np.uintp(picture.luma), np.int32(picture.luma_pitch)),
        *(np.uintp(picture.u), np.uintp(picture.v)),
        *(np.int32(picture.chroma_pitch), np.int32(picture.chroma_step)),
        *(np.int32(width), np.int32(height)),
        *(np.float64(scale(*sides)) for sides in zip(picture.size, fit.inner, strict=True)),
        *(np.float64(scale(*sides)) for sides in zip(chroma, fit.inner, strict=True)),
        *conversion.ravel(),
        np.int32(0 if spec.colour == "rgb" else 2),
        *(np.float32(value) for value in (*spec.mean, *spec.std, factor_of(spec))),
        *(np.int32(value) for value in (spec.pad_value, *fit.offset, *fit.inner)),
        *(np.uintp(address), np.int32(spec.width), np.int32(spec.height)),
    )


def scale(inputs: int, outputs: int) -> float:
    """Inputs an output, to the last bit as OpenCV has it."""
    return 1 / (outputs / inputs)


@lru_cache(maxsize=16)
def _conversion(matrix: Matrix, *, full_range: bool) -> npt.NDArray[np.int32]:
    """int32 [3, 4]: `models.preprocess.yuv_to_rgb` in 1024ths, the last column with its half."""
    affine = yuv_to_rgb(matrix, full_range=full_range).astype(np.float32)
    affine[:, 3] += np.float32(0.5)
    return np.asarray(np.rint(affine * np.float32(_ONE)), np.int32)
