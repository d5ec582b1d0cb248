"""Camera: how far the picture as a whole has moved, so that objects are followed in the scene.

A camera that pans carries everything with it: between two keyframes a parked car may move by
twice its own size. Successive thumbnails are compared by phase correlation (Kuglin and Hines,
1975), 0.1 ms a frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.frames.frame import Frame

_MIN_RESPONSE = 0.4
"""Least peak of the correlation: pans of DAVIS-2016 reach 0.46 and more, noise up to 0.31."""

_PARTS = (3, 3)  # of the picture, columns and rows
_MAX_UNEXPLAINED = 0.9
_MIN_AGREEING_PARTS = 5
"""A shift is believed if it takes at least a tenth off the difference of two thumbnails in at
least so many parts of the picture; the motion of an object before a camera at rest does not."""

_Thumbnail = npt.NDArray[np.float32]


class Camera:
    """Adds up the motion of the picture from frame to frame."""

    def __init__(self) -> None:
        self._last: _Thumbnail | None = None
        self._window: _Thumbnail | None = None
        self._at: npt.NDArray[np.float64] = np.zeros(2)

    def follow(self, frame: Frame) -> npt.NDArray[np.float64]:
        """Take in the next frame; where the scene lies in it, float64 [2] x y, pixels.

        The first frame's scene lies at 0, 0, and what was seen at p there is seen at p + q in a
        frame whose scene lies at q. A frame of another size starts anew.
        """
        thumbnail = frame.thumbnail().astype(np.float32)
        last, self._last = self._last, thumbnail
        if last is None or last.shape != thumbnail.shape:
            size = thumbnail.shape[1], thumbnail.shape[0]
            self._window = np.asarray(cv2.createHanningWindow(size, cv2.CV_32F), np.float32)
            self._at = np.zeros(2)
            return self._at
        shift, response = cv2.phaseCorrelate(last, thumbnail, self._window)
        if response > _MIN_RESPONSE and _explains(shift, last, thumbnail):
            width, height = frame.size
            scale = width / thumbnail.shape[1], height / thumbnail.shape[0]
            self._at = self._at + np.asarray(shift) * scale
        return self._at


def _explains(shift: Sequence[float], before: _Thumbnail, after: _Thumbnail) -> bool:
    if not np.isfinite(shift).all():
        return False
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
    size = before.shape[1], before.shape[0]
    moved = cv2.warpAffine(before, move, size, borderMode=cv2.BORDER_REPLICATE)
    unexplained, difference = (
        cv2.resize(cv2.absdiff(each, after), _PARTS, interpolation=cv2.INTER_AREA)
        for each in (moved, before)
    )
    return int((unexplained < _MAX_UNEXPLAINED * difference).sum()) >= _MIN_AGREEING_PARTS
