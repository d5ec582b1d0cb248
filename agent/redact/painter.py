"""Painter: hides in the pixels of one frame, wherever they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from agent.frames.cpu_frame import planes_of
from agent.redact.hide import hide_patches, hide_whole
from agent.redact.planes import copied_planes, fresh_planes, layers_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.frames.frame import Frame, Planes
    from agent.redact.effect import Effect
    from agent.redact.hide import CoverShape
    from agent.redact.patch import Patch

Rgb = tuple[int, int, int]


class Painter(Protocol):
    """Makes planes that may be shown; all of them are packed as `packed_planes` gives them.

    What must be hidden is decided by the redactor. A painter that can't hide it raises whatever
    it likes, and gives no planes.
    """

    def flat(self, frame: Frame, size: tuple[int, int], rgb: Rgb) -> Planes:
        """Planes of `size` (width, height) in one colour; of the frame only the layout."""
        ...

    def whole(self, frame: Frame, effect: Effect) -> Planes:
        """Planes of the frame's size, with what the effect leaves of the whole frame."""
        ...

    def patched(
        self, frame: Frame, patches: Sequence[Patch], shape: CoverShape, rgb: Rgb
    ) -> Planes:
        """The frame's planes with these patches hidden.

        Args:
            rgb: the colour of what is solid.
        """
        ...


class CpuPainter:
    """Hides in main memory. Every method raises PipelineError for what is not I420 or NV12."""

    def flat(self, frame: Frame, size: tuple[int, int], rgb: Rgb) -> Planes:
        """See `Painter`."""
        planes = fresh_planes(frame, size)
        for layer in layers_of(planes, frame.colour, rgb):
            layer.pixels[:] = layer.flat
        return planes

    def whole(self, frame: Frame, effect: Effect) -> Planes:
        """See `Painter`."""
        planes = fresh_planes(frame, frame.size)
        hide_whole(layers_of(planes, frame.colour, effect.rgb), planes_of(frame), effect)
        return planes

    def patched(
        self, frame: Frame, patches: Sequence[Patch], shape: CoverShape, rgb: Rgb
    ) -> Planes:
        """See `Painter`."""
        planes = copied_planes(frame)
        hide_patches(layers_of(planes, frame.colour, rgb), patches, shape)
        return planes


def cpu_painter(_frame: Frame) -> Painter:
    """What hides in every frame where there is no GPU."""
    return CpuPainter()
