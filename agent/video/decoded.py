"""From libav's picture to upright 8-bit 4:2:0 planes, copying only what has to be converted."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import cv2
import numpy as np
from av.video.reformatter import ColorRange

from agent.frames.frame import Colour, Plane, Planes

if TYPE_CHECKING:
    from av.sidedata.sidedata import SideDataContainer
    from av.video.frame import VideoFrame
    from av.video.plane import VideoPlane
    from av.video.reformatter import VideoReformatter

    from models.preprocess import Matrix

# ITU-T H.273, table 4. What is missing here is read as the picture's size suggests.
_MATRICES: dict[int, Matrix] = {
    1: "bt709",
    4: "bt601",
    5: "bt601",
    6: "bt601",
    7: "bt601",
    9: "bt2020",
    10: "bt2020",
}
MATRIX_CODES: dict[Matrix, int] = {"bt601": 6, "bt709": 1, "bt2020": 9}
UNSPECIFIED = 2
_RGB = 0

# libswscale's SWS_CS_ITU601, SWS_CS_ITU709 and SWS_CS_BT2020; older PyAV names not all of them.
_SWSCALE: dict[Matrix, int] = {"bt601": 5, "bt709": 1, "bt2020": 9}

_PLANAR = frozenset({"yuv420p", "yuvj420p"})

Turn = tuple[bool, "int | None"]
"""Transpose first?  Then cv2.flip's code: 0 upside down, 1 left to right, -1 both, None neither."""

# The linear part (a, b, c, d) of a display matrix, where x' = a*x + c*y and y' = b*x + d*y.
_TURNS: dict[tuple[int, int, int, int], Turn | None] = {
    (1, 0, 0, 1): None,
    (0, 1, -1, 0): (True, 1),  # a quarter clockwise: a phone held upright
    (-1, 0, 0, -1): (False, -1),
    (0, -1, 1, 0): (True, 0),
    (-1, 0, 0, 1): (False, 1),
    (1, 0, 0, -1): (False, 0),
    (0, 1, 1, 0): (True, None),
    (0, -1, -1, 0): (True, -1),
}
# By libav's angle, which is counter-clockwise and knows no mirrors.
_ROTATIONS: dict[int, Turn] = {
    -90: (True, 1),
    90: (True, 0),
    -180: (False, -1),
    180: (False, -1),
}


def colour_of(frame: VideoFrame) -> Colour:
    """How to read the planes that `planes_of` gives for `frame`."""
    matrix = _MATRICES.get(frame.colorspace)
    if matrix is None:
        # Nobody says, so what players assume (mpv, VLC): high definition is BT.709.
        matrix = "bt709" if frame.width >= 1280 or frame.height > 576 else "bt601"
    full_range = not frame.format.is_rgb and (
        frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")
    )
    return Colour(matrix, full_range, frame.color_primaries, frame.color_trc)


def matrix_code_of(frame: VideoFrame) -> int:
    """The matrix tag that an output should carry."""
    if frame.colorspace in (_RGB, 3) or frame.format.is_rgb:
        return MATRIX_CODES[colour_of(frame).matrix]
    return int(frame.colorspace)


def planes_of(frame: VideoFrame, colour: Colour, reformatter: VideoReformatter) -> Planes:
    """I420 or NV12 planes of `frame`, as stored (not turned).

    8-bit 4:2:0 comes as read-only views that keep the decoder's buffer alive; everything else
    is converted by `reformatter`, which loses precision but never range or matrix.
    """
    name = frame.format.name
    if name not in _PLANAR and name != "nv12":
        frame = _converted(frame, colour, reformatter)
        name = frame.format.name
    height, width = frame.height, frame.width
    half = (height + 1) // 2, (width + 1) // 2
    luma, *chroma = frame.planes
    if name == "nv12":
        pairs = _view(chroma[0], half[0], 2 * half[1]).reshape(half[0], half[1], 2)
        return _view(luma, height, width), pairs
    return (
        _view(luma, height, width),
        _view(chroma[0], *half),
        _view(chroma[1], *half),
    )


def _converted(frame: VideoFrame, colour: Colour, reformatter: VideoReformatter) -> VideoFrame:
    """The picture as yuv420p, its numbers meaning what `colour` says."""
    is_rgb = frame.format.is_rgb
    range_out = ColorRange.JPEG if colour.full_range else ColorRange.MPEG
    return reformatter.reformat(
        frame,
        format="yuv420p",
        src_colorspace=_SWSCALE[colour.matrix],
        dst_colorspace=_SWSCALE[colour.matrix],
        src_color_range=ColorRange.JPEG if is_rgb else range_out,
        dst_color_range=range_out,
        threads=1,
    )


def _view(plane: VideoPlane, height: int, width: int) -> Plane:
    """Rows without their padding."""
    stride = abs(plane.line_size)
    pixels = np.frombuffer(memoryview(plane), np.uint8, stride * height)
    rows: Plane = pixels.reshape(height, stride)[:, :width]
    if plane.line_size < 0:  # stored bottom up, and the buffer starts at its lowest address
        rows = rows[::-1]
    rows.flags.writeable = False
    return rows


def turn_of(frame: VideoFrame) -> Turn | None:
    """What brings `frame` upright, from its display matrix; None where it is, or at odd angles.

    Looking at side data ties `frame` into a reference cycle, so do it once a stream, and again
    only where `frame.rotation` changes: pictures must not wait for the garbage collector.
    """
    try:
        matrix = cast("SideDataContainer", frame.side_data)["DISPLAYMATRIX"]
    except KeyError:
        return None
    except ValueError:  # some other side data is of a kind that this PyAV has no name for
        return _ROTATIONS.get(frame.rotation)
    a, b, _, c, d = np.frombuffer(memoryview(matrix), np.int32, 5).tolist()
    return _TURNS.get((_sign(a), _sign(b), _sign(c), _sign(d)))


def _sign(value: int) -> int:
    """-1, 0 or 1, from 16.16 fixed point."""
    return (value > 1 << 15) - (value < -1 << 15)


def upright(planes: Planes, turn: Turn | None) -> Planes:
    """The planes turned and mirrored as the display matrix asks."""
    if turn is None:
        return planes
    transpose, flip = turn
    return tuple(_turned(plane, transpose, flip) for plane in planes)


def _turned(plane: Plane, transpose: bool, flip: int | None) -> Plane:
    if transpose:
        plane = np.asarray(cv2.transpose(plane), np.uint8)
    return plane if flip is None else np.asarray(cv2.flip(plane, flip), np.uint8)
