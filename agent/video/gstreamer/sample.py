"""What a sample of GStreamer's shows, read while its buffer is mapped."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from agent.errors import InputError
from agent.video.gstreamer.library import gst, gst_video

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.frames.frame import Plane, Planes

_FULL_RANGE = 1
"""GStreamer's GST_VIDEO_COLOR_RANGE_0_255, which has no name that Python could say."""


@dataclass(frozen=True, slots=True)
class SampleKind:
    """What a sample's caps say of its picture.

    Attributes:
        interleaved: NV12; else I420.
        aspect: width of a pixel over its height.
        colorimetry: range, matrix, transfer and primaries, as GStreamer writes them.
        codes: matrix, primaries and transfer by the code points of ITU-T H.273.
        full_range: as `agent.frames.frame.Colour` has it.
        is_interlaced: pictures may show two moments.
        top_first: then, whether the upper line is the earlier.
    """

    width: int
    height: int
    interleaved: bool
    aspect: Fraction
    colorimetry: str
    codes: tuple[int, int, int]
    full_range: bool
    is_interlaced: bool
    top_first: bool


class SampleReader:
    """Reads samples, and their caps once."""

    def __init__(self) -> None:
        self._gst, self._video = gst(), gst_video()
        self._caps: Any = None
        self._info: Any = None
        self._kind: SampleKind | None = None

    def kind_of(self, sample: Any) -> SampleKind:
        """What the sample's caps say.

        Raises:
            InputError: that is no picture of ours.
        """
        caps = sample.get_caps()
        if self._kind is None or not caps.is_equal(self._caps):
            self._info = self._video.VideoInfo.new_from_caps(caps)
            self._caps, self._kind = caps, self._kind_by(caps, self._info)
        return self._kind

    @contextmanager
    def planes_of(self, sample: Any) -> Iterator[Planes]:
        """Views of a sample's planes, which are nobody's when the context ends.

        Raises:
            InputError: the buffer can't be read.
        """
        kind, buffer = self.kind_of(sample), sample.get_buffer()
        # Where a decoder pads its rows, the buffer says so, and its caps don't.
        meta = self._video.buffer_get_video_meta(buffer)
        layout = self._info if meta is None else meta
        mapped, memory = buffer.map(self._gst.MapFlags.READ)
        if not mapped:
            raise InputError("a decoded picture can't be read from main memory")
        try:
            pixels = np.frombuffer(memory.data, np.uint8)
            yield _planes(pixels, kind, list(layout.offset), list(layout.stride))
        finally:
            buffer.unmap(memory)

    def is_corrupt(self, sample: Any) -> bool:
        """Whether the decoder says that the picture is damaged."""
        return bool(sample.get_buffer().has_flags(self._gst.BufferFlags.CORRUPTED))

    def is_key(self, sample: Any) -> bool:
        """Whether decoding can begin with it."""
        return not sample.get_buffer().has_flags(self._gst.BufferFlags.DELTA_UNIT)

    def bytes_of(self, sample: Any) -> bytes:
        """A copy of what its buffer holds."""
        buffer = sample.get_buffer()
        return bytes(buffer.extract_dup(0, buffer.get_size()))

    def running_stamp_of(self, sample: Any) -> int | None:
        """As `stamp_of`, where an element counts from elsewhere and says so."""
        pts = self.stamp_of(sample)
        if pts is None:
            return None
        return int(sample.get_segment().to_running_time(self._gst.Format.TIME, pts))

    def stamp_of(self, sample: Any) -> int | None:
        """The picture's time in nanoseconds, None where it has none."""
        pts = sample.get_buffer().pts
        return None if pts == self._gst.CLOCK_TIME_NONE else int(pts)

    def _kind_by(self, caps: Any, info: Any) -> SampleKind:
        video = self._video
        name = info.finfo.format
        if name not in (video.VideoFormat.NV12, video.VideoFormat.I420):
            raise InputError(f"decoded pictures come as {info.finfo.name}, not as NV12 or I420")
        colour = info.colorimetry
        codes = (
            video.video_color_matrix_to_iso(colour.matrix),
            video.video_color_primaries_to_iso(colour.primaries),
            video.video_transfer_function_to_iso(colour.transfer),
        )
        return SampleKind(
            width=info.width,
            height=info.height,
            interleaved=name == video.VideoFormat.NV12,
            aspect=Fraction(info.par_n or 1, info.par_d or 1),
            colorimetry=colour.to_string() or "",
            codes=codes,
            full_range=int(colour.range) == _FULL_RANGE,
            is_interlaced=info.interlace_mode != video.VideoInterlaceMode.PROGRESSIVE,
            top_first=caps.get_structure(0).get_string("field-order") != "bottom-field-first",
        )


def _planes(pixels: Plane, kind: SampleKind, offsets: list[int], strides: list[int]) -> Planes:
    half_height, half_width = (kind.height + 1) // 2, (kind.width + 1) // 2
    chroma_width = 2 * half_width if kind.interleaved else half_width
    shapes = [(kind.height, kind.width), (half_height, chroma_width)]
    if not kind.interleaved:
        shapes.append((half_height, half_width))
    planes = []
    for (height, width), offset, stride in zip(shapes, offsets, strides, strict=False):
        flat = pixels[offset : offset + stride * (height - 1) + width]
        if len(flat) < stride * (height - 1) + width:
            raise InputError("a decoded picture is smaller than it says")
        plane: Plane = np.lib.stride_tricks.as_strided(flat, (height, width), (stride, 1))
        planes.append(plane)
    if kind.interleaved:
        planes[1] = planes[1].reshape(half_height, half_width, 2)
    return tuple(planes)
