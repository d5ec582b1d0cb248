"""EncoderPicture: a redacted picture brought to the one size and layout that an encoder was opened with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from av.video.frame import VideoFrame

from agent.video.letterbox import letterboxed

if TYPE_CHECKING:
    from agent.frames.annotated import AnnotatedFrame
    from agent.frames.frame import Plane, Planes
    from agent.frames.redacted import RedactedFrame


@dataclass(frozen=True, slots=True)
class EncoderPicture:
    """The encoder's picture: even in both directions, because 4:2:0 is coded in pairs.

    Attributes:
        width: pixels, even.
        height: pixels, even.
        interleaved: NV12 where true, else I420.
    """

    width: int
    height: int
    interleaved: bool

    @classmethod
    def around(cls, size: tuple[int, int], *, interleaved: bool) -> EncoderPicture:
        """The smallest one that holds a picture of `size` (width, height) pixels."""
        width, height = size
        return cls(width + width % 2, height + height % 2, interleaved)

    @property
    def pixel_format(self) -> str:
        """FFmpeg's name for the layout."""
        return "nv12" if self.interleaved else "yuv420p"

    def wrap(self, frame: RedactedFrame | AnnotatedFrame) -> VideoFrame:
        """`frame` for the encoder; without a copy where its planes already lie as one."""
        packed = self._packed(frame.planes)
        # PyAV takes a packed picture's height to be a multiple of four, and cuts off the rest.
        if packed is not None and self.height % 4 == 0:
            return VideoFrame.from_numpy_buffer(packed, self.pixel_format)
        picture = VideoFrame(self.width, self.height, self.pixel_format)
        self._draw(frame, self._planes_of(picture))
        return picture

    def _planes_of(self, picture: VideoFrame) -> Planes:
        """Views of an encoder's picture, to be written to."""
        rows = [
            np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
            for plane in picture.planes
        ]
        half = self.width // 2
        if self.interleaved:
            pairs = rows[1][:, : 2 * half].reshape(-1, half, 2)
            return rows[0][:, : self.width], pairs
        return rows[0][:, : self.width], rows[1][:, :half], rows[2][:, :half]

    def _packed(self, planes: Planes) -> Plane | None:
        """The one buffer that `planes` are all of, in order and without gaps; else None."""
        shape = (self.height * 3 // 2, self.width)
        base = planes[0].base
        if (
            not isinstance(base, np.ndarray)
            or base.dtype != np.uint8
            or base.size != shape[0] * shape[1]
        ):
            return None
        if not base.flags.c_contiguous:
            return None
        packed = base.reshape(shape)
        same = len(planes) == (2 if self.interleaved else 3) and all(
            plane.shape == own.shape
            and plane.strides == own.strides
            and plane.__array_interface__["data"][0] == own.__array_interface__["data"][0]
            for plane, own in zip(planes, self._planes(packed), strict=True)
        )
        return packed if same else None

    def _planes(self, packed: Plane) -> Planes:
        """Views of the planes inside one contiguous [3/2 * height, width] buffer."""
        flat = packed.reshape(-1)
        area, half = self.width * self.height, (self.height // 2, self.width // 2)
        luma = flat[:area].reshape(self.height, self.width)
        if self.interleaved:
            return luma, flat[area:].reshape(*half, 2)
        quarter = area // 4
        return (
            luma,
            flat[area : area + quarter].reshape(half),
            flat[area + quarter :].reshape(half),
        )

    def _draw(self, frame: RedactedFrame | AnnotatedFrame, targets: Planes) -> None:
        """Copy `frame` into `targets`: scaled to fit if its size is another, its edge continued."""
        planes = self._in_our_layout(frame.planes)
        if frame.size not in self._fitting:
            planes = letterboxed(planes, frame.colour, (self.width, self.height))
        for plane, target in zip(planes, targets, strict=True):
            height, width = plane.shape[:2]
            target[:height, :width] = plane
            target[height:, :width] = plane[-1:]
            target[:, width:] = target[:, width - 1 : width]

    @property
    def _fitting(self) -> tuple[tuple[int, int], ...]:
        """The sizes that fill the encoder's picture but for an odd edge."""
        return tuple(
            (width, height)
            for width in (self.width, self.width - 1)
            for height in (self.height, self.height - 1)
        )

    def _in_our_layout(self, planes: Planes) -> Planes:
        if self.interleaved and len(planes) == 3:
            return planes[0], np.dstack(planes[1:])
        if not self.interleaved and len(planes) == 2:
            return planes[0], planes[1][..., 0], planes[1][..., 1]
        return planes
