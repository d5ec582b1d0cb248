"""Redactor: frame and cover in, a frame that may be shown out.

Nothing leaves unhidden: what is odd about a cover or a frame hides it whole, and an exception
passes on and takes the frame with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.frames.redacted import _SEAL, RedactedFrame
from agent.redact.hide import CoverShape, whole_reason
from agent.redact.painter import cpu_painter
from agent.redact.patch import patches_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.frames.cover import Cover
    from agent.frames.frame import Frame
    from agent.redact.effect import Effect
    from agent.redact.painter import Painter


class Redactor:
    """Hides covers in frames of one size; keeps nothing from one frame to the next."""

    def __init__(
        self,
        size: tuple[int, int],
        effect: Effect,
        shape: CoverShape = "mask",
        painter_of: Callable[[Frame], Painter] = cpu_painter,
    ) -> None:
        """Redact frames of `size` (width, height), the size that the sink was opened with.

        Args:
            painter_of: what can hide in a frame, by where its pixels are.
        """
        self.size = size
        self.effect = effect
        self.shape = shape
        self._painter_of = painter_of

    def redact(self, frame: Frame, cover: Cover) -> RedactedFrame:
        """Hide what the cover says, in a copy; the frame's own planes are only read.

        A frame of another size becomes a flat one of ours, whatever the cover says: the two may
        not speak of the same picture.

        Raises:
            PipelineError: when the planes are neither I420 nor NV12.
            ModelError: when the frame is on a GPU that fails.
        """
        painter = self._painter_of(frame)
        if frame.size != self.size:
            planes = painter.flat(frame, self.size, self.effect.rgb)
            return RedactedFrame(_SEAL, frame, planes, "resolution change")
        whole = whole_reason(cover)
        if whole is not None:
            planes = painter.whole(frame, self.effect.on_frame())
            return RedactedFrame(_SEAL, frame, planes, whole)
        patches = [patch for _, patch in patches_of(cover, self.size, self.effect)]
        planes = painter.patched(frame, patches, self.shape, self.effect.rgb)
        return RedactedFrame(_SEAL, frame, planes)
