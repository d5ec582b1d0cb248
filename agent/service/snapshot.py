"""Snapshot: a redacted frame as a JPEG that is small enough for a message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.frames.redacted import RedactedFrame
from agent.pictures.scaled_rgb import scaled_rgb

if TYPE_CHECKING:
    import numpy.typing as npt

    Image = npt.NDArray[np.uint8]

MAX_BYTES = 64_000
"""Of a JPEG. In base64 it is 85,336; a broker may be limited to 2,000,000."""

_QUALITIES = (85, 70, 50, 30, 15)
"""Of JPEG, tried in turn. 640x360 pixels of six real videos take 14 to 83 kB at 85 and 10 to 54 at
70; of noise 175 at 85, 36 at 15."""

_MAX_ASPECT = 4
"""Height over width from which on a picture is made narrower. Chosen, not measured."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A picture.

    Attributes:
        jpeg: at most `MAX_BYTES`.
        size: of it: width, height in pixels.
        age_s: seconds since its frame was written.
        whole: why the frame was covered whole; None where only objects were.
    """

    jpeg: bytes
    size: tuple[int, int]
    age_s: float
    whole: str | None


def snapshot_of(
    frame: RedactedFrame, pixel_aspect: float, max_width: int, age_s: float
) -> Snapshot:
    """A frame's picture, undistorted and never enlarged.

    Args:
        pixel_aspect: width of a pixel over its height.
        max_width: pixels.
        age_s: of the frame.

    Raises:
        TypeError: it was not redacted.
    """
    if type(frame) is not RedactedFrame:
        raise TypeError(f"only a RedactedFrame is shown, not a {type(frame).__name__}")
    width, height = frame.size[0] * pixel_aspect, float(frame.size[1])
    scale = min(1.0, max_width / width, _MAX_ASPECT * max_width / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    rgb = scaled_rgb(frame.planes, frame.colour, size)
    jpeg, size = _small_enough(rgb)
    return Snapshot(jpeg, size, age_s, frame.whole)


def _small_enough(rgb: Image) -> tuple[bytes, tuple[int, int]]:
    """As JPEG, of lower quality where it has to be, and in the end of fewer pixels; its size."""
    height, width = rgb.shape[:2]
    for quality in _QUALITIES:
        jpeg = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        if len(jpeg) <= MAX_BYTES:
            return jpeg.tobytes(), (width, height)
    half = max(1, width // 2), max(1, height // 2)
    return _small_enough(np.asarray(cv2.resize(rgb, half, interpolation=cv2.INTER_AREA), np.uint8))
