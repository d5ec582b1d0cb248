"""Orientation: how a decoded picture is to be turned and mirrored before it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

if TYPE_CHECKING:
    from av.sidedata.sidedata import SideDataContainer
    from av.video.frame import VideoFrame

    from distill.data.images import Image


class Orientation(NamedTuple):
    """One of the eight: rows and columns change places first, then both may be reversed."""

    transposed: bool = False
    leftwards: bool = False
    upwards: bool = False

    def upright(self, image: Image) -> Image:
        """The picture [h, w, 3] as it is to be shown."""
        if self.transposed:
            image = image.transpose(1, 0, 2)
        if self.leftwards:
            image = image[:, ::-1]
        if self.upwards:
            image = image[::-1]
        return np.ascontiguousarray(image)


STORED = Orientation()
"""As it is stored."""

_HALF = 1 << 15
"""In the matrix's 16.16 fixed point."""
_BY_ANGLE = {
    -90: Orientation(transposed=True, leftwards=True),
    90: Orientation(transposed=True, upwards=True),
    180: Orientation(leftwards=True, upwards=True),
    -180: Orientation(leftwards=True, upwards=True),
}
"""libav's angle is against the clock, and knows no mirrors."""


def orientation_of(picture: VideoFrame) -> Orientation:
    """What the picture's display matrix asks for (ISO/IEC 14496-12, 8.3.2); no odd angles.

    Looking at side data ties the picture into a reference cycle, so that it waits for the garbage
    collector: not for every picture.
    """
    try:
        matrix = cast("SideDataContainer", picture.side_data)["DISPLAYMATRIX"]
    except KeyError:
        return STORED
    except ValueError:  # some other side data is of a kind that this PyAV has no name for
        return _BY_ANGLE.get(picture.rotation, STORED)
    # x' = a*x + c*y and y' = b*x + d*y
    a, b, _, c, d = np.frombuffer(memoryview(matrix), np.int32, 5).tolist()
    straight, crossed = (min(map(abs, pair)) > _HALF for pair in ((a, d), (b, c)))
    if straight == crossed:
        return STORED
    return Orientation(crossed, (c if crossed else a) < 0, (b if crossed else d) < 0)
