"""CpuFrame: a frame whose planes are arrays in main memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.frames.cuda_frame import CudaFrame
from agent.frames.thumbnail import thumbnail_of

if TYPE_CHECKING:
    from fractions import Fraction

    from agent.frames.frame import Colour, Frame, Plane, Planes


@dataclass(frozen=True, slots=True)
class CpuFrame:
    """A `Frame` in main memory. Its planes belong to the decoder: read, never write.

    Attributes:
        planes: I420 or NV12, uint8.
        index: 0 for the first frame that the source gave, then counting.
        pts: presentation time in units of `time_base` seconds.
        suspect: predicted from pictures that were damaged; nobody knows what it shows.
        opens_scene: nothing in it can be found by where it was in the frame before.
        duration: how long it is shown, in units of `time_base`; 0 where nobody knows.
    """

    planes: Planes
    index: int
    pts: int
    time_base: Fraction
    colour: Colour
    suspect: bool = False
    opens_scene: bool = False
    duration: int = 0
    _thumbnail: list[Plane] = field(default_factory=list, repr=False, compare=False)

    @property
    def size(self) -> tuple[int, int]:
        """Width, height in pixels."""
        height, width = self.planes[0].shape
        return width, height

    def thumbnail(self) -> Plane:
        """The luma, scaled down; made at the first call, by the one thread that asks."""
        if not self._thumbnail:
            self._thumbnail.append(thumbnail_of(self.planes[0]))
        return self._thumbnail[0]


def planes_of(frame: Frame) -> Planes:
    """The planes of a frame in main memory; those of one on a GPU are fetched each time.

    Raises:
        TypeError: it lives elsewhere; there is a detector and a redactor for that.
        InferenceError: it is on a GPU that failed.
    """
    if isinstance(frame, CudaFrame):
        return frame.fetched()
    if not isinstance(frame, CpuFrame):
        raise TypeError(f"{type(frame).__name__} has no planes in main memory")
    return frame.planes
