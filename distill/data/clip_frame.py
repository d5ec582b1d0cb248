"""Clip frame: one decoded picture of a clip, in the forms that labelling needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, Interpolation

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from distill.data.images import Image
    from distill.data.orientation import Orientation

    Grey = npt.NDArray[np.uint8]

_HD_WIDTH, _SD_HEIGHT = 1280, 576
"""Pictures this wide, or higher, are high definition, as players take them."""

_BT709, _BT601, _UNSPECIFIED = 1, 5, 2
"""libswscale's numbers."""


@dataclass(frozen=True, slots=True)
class ClipFrame:
    """One decoded picture, upright.

    Attributes:
        index: pictures that were decoded before it.
        time_s: when it is shown, seconds by the file's clock.
    """

    index: int
    time_s: float
    _picture: VideoFrame
    _orientation: Orientation

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        width, height = self._picture.width, self._picture.height
        return (height, width) if self._orientation.transposed else (width, height)

    def rgb(self) -> Image:
        """RGB uint8 [h, w, 3]."""
        picture = self._picture
        known = picture.format.is_rgb or picture.colorspace != _UNSPECIFIED
        # Nobody says, so what players assume: high definition is BT.709.
        high = picture.width >= _HD_WIDTH or picture.height > _SD_HEIGHT
        converted = picture.reformat(
            format="rgb24",
            src_colorspace=None if known else _BT709 if high else _BT601,
            dst_color_range=ColorRange.JPEG,
            threads=1,
        )
        return self._orientation.upright(np.asarray(converted.to_ndarray(), np.uint8))

    def grey(self, side: int) -> Grey:
        """A small grey copy, its longer side `side` pixels; as it is stored, not turned."""
        picture = self._picture
        scale = side / max(picture.width, picture.height)
        width = max(8, round(picture.width * scale))
        height = max(8, round(picture.height * scale))
        # Twice as large first, then averaged: libswscale's own averaging is uneven.
        double = picture.reformat(
            2 * width, 2 * height, "gray", interpolation=Interpolation.AREA, threads=1
        ).to_ndarray()
        mean = double.reshape(height, 2, width, 2).mean(axis=(1, 3))
        return np.asarray(mean + 0.5, np.uint8)
