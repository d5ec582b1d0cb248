"""Redactor: frame and cover in, a frame that may be shown out.

Nothing leaves unhidden: what is odd about a cover or a frame hides it whole, and an exception
passes on and takes the frame with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.frames.cpu_frame import planes_of
from agent.frames.redacted import _SEAL, RedactedFrame
from agent.redact.effect import flat_planes
from agent.redact.hide import Layer, Shape, hide_patches, hide_whole, whole_reason
from agent.redact.planes import copied_planes, fresh_planes

if TYPE_CHECKING:
    from agent.frames.cover import Cover
    from agent.frames.frame import Frame, Planes
    from agent.redact.effect import Effect


class Redactor:
    """Hides covers in frames of one size; keeps nothing from one frame to the next."""

    def __init__(self, size: tuple[int, int], effect: Effect, shape: Shape = "mask") -> None:
        """Redact frames of `size` (width, height), the size that the sink was opened with."""
        self.size = size
        self.effect = effect
        self.shape = shape

    def redact(self, frame: Frame, cover: Cover) -> RedactedFrame:
        """Hide what the cover says, in a copy; the frame's own planes are only read.

        A frame of another size becomes a flat one of ours, whatever the cover says: the two may
        not speak of the same picture.

        Raises:
            PipelineError: when the planes are neither I420 nor NV12.
        """
        if frame.size != self.size:
            planes = fresh_planes(frame, self.size)
            for layer in self._layers(frame, planes):
                layer.pixels[:] = layer.flat
            return RedactedFrame(_SEAL, frame, planes, "resolution change")
        whole = whole_reason(cover)
        if whole is not None:
            planes = fresh_planes(frame, self.size)
            hide_whole(self._layers(frame, planes), planes_of(frame), self.effect)
            return RedactedFrame(_SEAL, frame, planes, whole)
        planes = copied_planes(frame)
        hide_patches(self._layers(frame, planes), cover.patches, self.effect, self.shape)
        return RedactedFrame(_SEAL, frame, planes)

    def _layers(self, frame: Frame, planes: Planes) -> list[Layer]:
        flats = flat_planes(self.effect.rgb, frame.colour, len(planes))
        luma, *chroma = (Layer(*pair) for pair in zip(planes, flats, strict=True))
        return [luma, *(Layer(layer.pixels, layer.flat, step=2, quantum=8) for layer in chroma)]
