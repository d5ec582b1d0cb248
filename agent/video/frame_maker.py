"""FrameMaker: of a stream's pictures, whatever each is, frames of one size and one kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from av.video.reformatter import VideoReformatter

from agent.frames.cpu_frame import CpuFrame
from agent.frames.cuda_frame import CudaFrame
from agent.video.crop import NO_CROP
from agent.video.decoded import colour_of, opaque, planes_of
from agent.video.letterbox import letterboxed
from agent.video.turn import upright

if TYPE_CHECKING:
    from fractions import Fraction

    from av.video.frame import VideoFrame

    from agent.frames.frame import Planes
    from agent.video.crop import Crop
    from agent.video.turn import Turn
    from models.runtime.gpu import Gpu


class GivenTimes(Protocol):
    """Of a stream's pictures, as they are given out.

    Attributes:
        time_base: seconds a tick.
    """

    @property
    def time_base(self) -> Fraction: ...  # noqa: D102

    def given(self, picture: VideoFrame) -> tuple[int, int]:
        """The time of the next picture that is given out, and its duration; 0 if nobody knows."""
        ...


@dataclass(frozen=True, slots=True)
class Shape:
    """What a picture looks like from outside, once it is cropped and upright.

    Attributes:
        size: width, height in pixels.
        aspect: width of a pixel over its height.
        turn: how it was turned.
    """

    size: tuple[int, int]
    aspect: Fraction
    turn: Turn | None


class FrameMaker:
    """Makes frames as the stream's first picture is: of its size, its pixels' shape, its colours.

    Later ones that are larger, smaller, turned or of another shape are scaled between black bars.

    Args:
        aspect: width of a stored pixel over its height.
        turn: how the picture has to be turned to be upright.
        crop: what to leave out of every picture.
        times: gives each picture its time.
        gpu: where pictures that a GPU decoded stay, if they are as the first one is.

    Attributes:
        colour: what the frames' numbers mean.
        shape: the frames'.
        resized: how many pictures had another shape so far.
    """

    def __init__(
        self,
        first: VideoFrame,
        aspect: Fraction,
        turn: Turn | None,
        crop: Crop,
        times: GivenTimes,
        gpu: Gpu | None = None,
    ) -> None:
        self._crop, self._times, self._gpu = crop, times, gpu
        self._reformatter = VideoReformatter()
        self.colour = colour_of(first)
        self.shape = self._last = _shape_of(self._planes(first), aspect, turn)
        self.resized = self._made = 0

    def frame(
        self,
        picture: VideoFrame,
        aspect: Fraction,
        turn: Turn | None,
        *,
        suspect: bool,
        opens_scene: bool = False,
    ) -> CpuFrame | CudaFrame:
        """The frame that shows the next picture, whose pixels are `aspect` times as wide as high.

        Args:
            turn: how it has to be turned to be upright.
            suspect: as `agent.frames.frame.Frame` has it.
            opens_scene: likewise, where the picture itself doesn't tell.
        """
        pts, duration = self._times.given(picture)
        index, self._made = self._made, self._made + 1
        if (there := self._where_it_is(picture, aspect, turn)) is not None:
            opens_scene, self._last = opens_scene or self._last != self.shape, self.shape
            gpu, luma, chroma, pitch = there
            return CudaFrame(
                gpu=gpu,
                luma=luma,
                chroma=chroma,
                pitch=pitch,
                size=self.shape.size,
                owner=picture,
                index=index,
                pts=pts,
                time_base=self._times.time_base,
                colour=self.colour,
                suspect=suspect,
                opens_scene=opens_scene,
                duration=duration,
            )
        planes = self._planes(picture)
        shape = _shape_of(planes, aspect, turn)
        opens_scene, self._last = opens_scene or shape != self._last, shape
        planes = upright(planes, turn)
        if (shape.size, shape.aspect) != (self.shape.size, self.shape.aspect):
            self.resized += 1
            stretch = shape.aspect / self.shape.aspect
            planes = letterboxed(planes, self.colour, self.shape.size, stretch)
        return CpuFrame(
            planes=planes,
            index=index,
            pts=pts,
            time_base=self._times.time_base,
            colour=self.colour,
            suspect=suspect,
            opens_scene=opens_scene,
            duration=duration,
        )

    def _where_it_is(
        self, picture: VideoFrame, aspect: Fraction, turn: Turn | None
    ) -> tuple[Gpu, int, int, int] | None:
        """GPU, addresses of Y and UV, bytes a row of a picture that is fit to stay there as it is.

        FFmpeg decodes in the default stream of the primary context, which other streams such as
        ours wait for; never run on hardware.
        """
        if self._gpu is None or picture.format.name != "cuda" or self._crop != NO_CROP:
            return None
        own, stored = colour_of(picture, self.colour), picture.sw_format
        alike = (own.matrix, own.full_range) == (self.colour.matrix, self.colour.full_range)
        shape = Shape((picture.width, picture.height), aspect, turn)
        if not alike or stored is None or stored.name != "nv12":
            return None
        if turn is not None or shape != self.shape:
            return None
        luma, chroma = picture.planes
        if luma.line_size != chroma.line_size:
            return None
        return self._gpu, luma.buffer_ptr, chroma.buffer_ptr, luma.line_size

    def _planes(self, picture: VideoFrame) -> Planes:
        """What is to be shown of it, not yet turned."""
        own = colour_of(picture, self.colour)
        shown = opaque(picture, own, self._reformatter)
        return self._crop.of(planes_of(shown, own, self.colour, self._reformatter))


def _shape_of(planes: Planes, aspect: Fraction, turn: Turn | None) -> Shape:
    height, width = planes[0].shape
    if turn is not None and turn[0]:
        width, height, aspect = height, width, 1 / aspect
    return Shape((width, height), aspect, turn)
