"""From libav's picture to 8-bit 4:2:0 planes, copying only what has to be converted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange

from agent.frames.frame import Colour, Plane, Planes

if TYPE_CHECKING:
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
_OPAQUE = _WHITE = 255

# libswscale's SWS_CS_ITU601, SWS_CS_ITU709 and SWS_CS_BT2020; older PyAV names not all of them.
_SWSCALE: dict[Matrix, int] = {"bt601": 5, "bt709": 1, "bt2020": 9}

_PLANAR = frozenset({"yuv420p", "yuvj420p"})


def colour_of(frame: VideoFrame, usual: Colour | None = None) -> Colour:
    """How to read the planes of `frame`.

    Args:
        usual: how the stream's pictures are read where this one doesn't say.
    """
    matrix = _MATRICES.get(frame.colorspace)
    if matrix is None and usual is not None:
        matrix = usual.matrix
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


def planes_of(
    frame: VideoFrame, own: Colour, colour: Colour, reformatter: VideoReformatter
) -> Planes:
    """I420 or NV12 planes of `frame`, as stored (not turned).

    8-bit 4:2:0 comes as read-only views that keep the decoder's buffer alive; everything else
    is converted by `reformatter`, which loses precision but keeps the colours.

    Args:
        own: how the frame's numbers are to be read.
        colour: how the planes' are.
    """
    name = frame.format.name
    alike = (own.matrix, own.full_range) == (colour.matrix, colour.full_range)
    if not alike or (name not in _PLANAR and name != "nv12"):
        frame = _converted(frame, own, colour, reformatter)
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


def _converted(
    frame: VideoFrame, own: Colour, colour: Colour, reformatter: VideoReformatter
) -> VideoFrame:
    """The picture as yuv420p, its numbers meaning what `colour` says."""
    return reformatter.reformat(
        frame,
        format="yuv420p",
        src_colorspace=_SWSCALE[own.matrix],
        dst_colorspace=_SWSCALE[colour.matrix],
        src_color_range=_range(full=own.full_range or frame.format.is_rgb),
        dst_color_range=_range(full=colour.full_range),
        threads=1,
    )


def opaque(frame: VideoFrame, own: Colour, reformatter: VideoReformatter) -> VideoFrame:
    """`frame` on white, as stills are: what nobody sees could show what nobody should see.

    Without transparent pixels it comes back as it is; with them, as RGB.
    """
    if not may_be_transparent(frame):
        return frame
    layer = reformatter.reformat(
        frame,
        format="rgba",
        src_colorspace=_SWSCALE[own.matrix],
        src_color_range=_range(full=own.full_range or frame.format.is_rgb),
        dst_color_range=ColorRange.JPEG,
        threads=1,
    ).to_ndarray()
    alpha = layer[..., 3:].astype(np.uint16)
    if alpha.min() == _OPAQUE:
        return frame
    mixed = (layer[..., :3] * alpha + _WHITE * (_OPAQUE - alpha) + _OPAQUE // 2) // _OPAQUE
    return VideoFrame.from_ndarray(mixed.astype(np.uint8), "rgb24")


def may_be_transparent(frame: VideoFrame) -> bool:
    """Whether pixels of its kind can be."""
    kind = frame.format
    return kind.has_palette or any(component.is_alpha for component in kind.components)


def _range(*, full: bool) -> ColorRange:
    return ColorRange.JPEG if full else ColorRange.MPEG


def _view(plane: VideoPlane, height: int, width: int) -> Plane:
    """Rows without their padding."""
    stride = abs(plane.line_size)
    pixels = np.frombuffer(memoryview(plane), np.uint8, stride * height)
    rows: Plane = pixels.reshape(height, stride)[:, :width]
    if plane.line_size < 0:  # stored bottom up, and the buffer starts at its lowest address
        rows = rows[::-1]
    rows.flags.writeable = False
    return rows
