"""FrameMaker: of a stream's pictures, whatever each is, frames of one size and one kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from av.video.reformatter import VideoReformatter

from agent.frames.cpu_frame import CpuFrame
from agent.video.decoded import colour_of, opaque, planes_of
from agent.video.letterbox import letterboxed
from agent.video.turn import Turn, turn_of, upright

if TYPE_CHECKING:
    from fractions import Fraction

    from av.video.frame import VideoFrame

    from agent.frames.frame import Planes
    from agent.video.crop import Crop
    from agent.video.picture_times import PictureTimes


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
        crop: what to leave out of every picture.
        times: gives each picture its time.

    Attributes:
        colour: what the frames' numbers mean.
        shape: the frames'.
        resized: how many pictures had another shape so far.
    """

    def __init__(
        self, first: VideoFrame, aspect: Fraction, crop: Crop, times: PictureTimes
    ) -> None:
        self._crop, self._times = crop, times
        self._reformatter = VideoReformatter()
        self._rotation, self._turn = first.rotation, turn_of(first)
        self.colour = colour_of(first)
        self.shape = self._last = self._shape_of(self._planes(first), aspect)
        self.resized = self._made = 0

    def frame(
        self, picture: VideoFrame, aspect: Fraction, *, suspect: bool, opens_scene: bool = False
    ) -> CpuFrame:
        """The frame that shows the next picture, whose pixels are `aspect` times as wide as high.

        Args:
            suspect: as `agent.frames.frame.Frame` has it.
            opens_scene: likewise, where the picture itself doesn't tell.
        """
        pts, duration = self._times.given(picture)
        index, self._made = self._made, self._made + 1
        if picture.rotation != self._rotation:
            self._rotation, self._turn = picture.rotation, turn_of(picture)
        planes = self._planes(picture)
        shape = self._shape_of(planes, aspect)
        opens_scene, self._last = opens_scene or shape != self._last, shape
        planes = upright(planes, self._turn)
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

    def _planes(self, picture: VideoFrame) -> Planes:
        """What is to be shown of it, not yet turned."""
        own = colour_of(picture, self.colour)
        shown = opaque(picture, own, self._reformatter)
        return self._crop.of(planes_of(shown, own, self.colour, self._reformatter))

    def _shape_of(self, planes: Planes, aspect: Fraction) -> Shape:
        height, width = planes[0].shape
        if self._turn is not None and self._turn[0]:
            width, height, aspect = height, width, 1 / aspect
        return Shape((width, height), aspect, self._turn)
