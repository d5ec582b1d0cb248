"""Image to network input, and the geometry to come back.

The one implementation: the evaluator feeds RGB images, the device feeds YUV planes, and both
end in the same letterbox. Letterboxing follows Ultralytics (`ultralytics/data/augment.py`,
`LetterBox`: bilinear, centred, padded with 114), because that is what students are trained on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
import numpy.typing as npt

from models.input_buffer import InputBuffer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.input_spec import InputSpec

    Image = npt.NDArray[np.uint8]
    Boxes = npt.NDArray[np.float32]

Matrix = Literal["bt601", "bt709", "bt2020"]

# (Kr, Kb) of ITU-R BT.601, BT.709 and BT.2020.
_LUMA_WEIGHTS: dict[Matrix, tuple[float, float]] = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
    "bt2020": (0.2627, 0.0593),
}


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Where a source image lies in a network's input.

    Attributes:
        source: width, height of the image, pixels.
        inner: width, height of the scaled image inside the input, pixels.
        offset: left, top edge of the scaled image, pixels.
    """

    source: tuple[int, int]
    inner: tuple[int, int]
    offset: tuple[int, int]

    @classmethod
    def fit(cls, source: tuple[int, int], spec: InputSpec) -> Letterbox:
        """The place of a (width, height) image under `spec`'s letterbox rule."""
        width, height = source
        if spec.letterbox == "stretch":
            return cls(source, (spec.width, spec.height), (0, 0))
        scale = min(spec.height / height, spec.width / width)
        if spec.letterbox == "corner":  # MMCV rounds halves up (`imrescale`), Ultralytics to even
            up = max(1, int(width * scale + 0.5)), max(1, int(height * scale + 0.5))
            return cls(source, up, (0, 0))
        inner = max(1, round(width * scale)), max(1, round(height * scale))
        bars = spec.width - inner[0], spec.height - inner[1]
        return cls(source, inner, (round(bars[0] / 2 - 0.1), round(bars[1] / 2 - 0.1)))

    @property
    def scale(self) -> tuple[float, float]:
        """Input pixels a source pixel, along x and y."""
        return self.inner[0] / self.source[0], self.inner[1] / self.source[1]

    def to_source(self, boxes: Boxes) -> Boxes:
        """Boxes [N, 4] xyxy from input pixels to source pixels, clipped to the image."""
        offset = np.tile(np.asarray(self.offset, np.float32), 2)
        scale = np.tile(np.asarray(self.scale, np.float32), 2)
        limit = np.tile(np.asarray(self.source, np.float32), 2)
        return np.asarray(np.clip((boxes - offset) / scale, 0, limit), np.float32)


def rgb_from_yuv(
    planes: Sequence[Image], size: tuple[int, int], matrix: Matrix, *, full_range: bool
) -> Image:
    """Scale I420 (Y, U, V) or NV12 (Y, UV) planes to `size` and convert there.

    Only the small image is converted: for a 1080p frame and a 640 px network that is a ninth
    of the pixels.

    Returns:
        uint8 [height, width, 3] RGB.
    """
    small = [cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in planes]
    yuv = cv2.merge(small)
    return np.asarray(cv2.transform(yuv, yuv_to_rgb(matrix, full_range=full_range)), np.uint8)


def yuv_to_rgb(matrix: Matrix, *, full_range: bool) -> npt.NDArray[np.float64]:
    """The 3x4 affine map from 8-bit Y'CbCr to 8-bit R'G'B' (ITU-T H.273, 8.3)."""
    kr, kb = _LUMA_WEIGHTS[matrix]
    kg = 1 - kr - kb
    luma, chroma, black = (1.0, 1.0, 0.0) if full_range else (255 / 219, 255 / 224, 16.0)
    from_v, from_u = 2 * (1 - kr) * chroma, 2 * (1 - kb) * chroma
    linear = np.array(
        [
            [luma, 0, from_v],
            [luma, -from_u * kb / kg, -from_v * kr / kg],
            [luma, from_u, 0],
        ]
    )
    return np.column_stack([linear, -linear @ [black, 128.0, 128.0]])


def preprocess(image: Image, spec: InputSpec) -> tuple[npt.NDArray[np.float32], Letterbox]:
    """Feed an RGB uint8 [height, width, 3] image: float32 [1, 3, H, W] and the way back."""
    fit = Letterbox.fit((image.shape[1], image.shape[0]), spec)
    scaled = np.asarray(cv2.resize(image, fit.inner, interpolation=cv2.INTER_LINEAR), np.uint8)
    return InputBuffer(spec).fill(scaled, fit), fit
