"""Redactor: frame and cover in, a frame that may be shown out.

Nothing leaves unhidden: what is odd about a cover or a frame hides it whole, and an exception
passes on and takes the frame with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.frames.cpu_frame import planes_of
from agent.frames.redacted import _SEAL, RedactedFrame
from agent.redact.hide import CoverShape, hide_patches, hide_whole, whole_reason
from agent.redact.patch import patches_of
from agent.redact.planes import copied_planes, fresh_planes, layers_of

if TYPE_CHECKING:
    from agent.frames.cover import Cover
    from agent.frames.frame import Frame
    from agent.redact.effect import Effect


class Redactor:
    """Hides covers in frames of one size; keeps nothing from one frame to the next."""

    def __init__(self, size: tuple[int, int], effect: Effect, shape: CoverShape = "mask") -> None:
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
            for layer in layers_of(planes, frame.colour, self.effect.rgb):
                layer.pixels[:] = layer.flat
            return RedactedFrame(_SEAL, frame, planes, "resolution change")
        whole = whole_reason(cover)
        if whole is not None:
            planes = fresh_planes(frame, self.size)
            hide_whole(
                layers_of(planes, frame.colour, self.effect.rgb),
                planes_of(frame),
                self.effect.on_frame(),
            )
            return RedactedFrame(_SEAL, frame, planes, whole)
        planes = copied_planes(frame)
        patches = [patch for _, patch in patches_of(cover, self.size, self.effect)]
        hide_patches(layers_of(planes, frame.colour, self.effect.rgb), patches, self.shape)
        return RedactedFrame(_SEAL, frame, planes)
