"""Annotator: draws labelled boxes instead of hiding, to see what the tracker follows.

What it returns shows people, so it is a type of its own that no ordinary sink takes. It is for
tuning on footage that may be seen.
"""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING

import cv2

from agent.errors import UsageError
from agent.frames.annotated import _SEAL, AnnotatedFrame
from agent.redact.effect import Effect
from agent.redact.hide import whole_reason
from agent.redact.patch import patches_of
from agent.redact.planes import copied_planes, flat_planes
from agent.redact.redactor import Redactor

if TYPE_CHECKING:
    from agent.frames.cover import Cover, PlacedOutline
    from agent.frames.frame import Frame, Planes
    from agent.redact.patch import Patch

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_INK = (0, 0, 0)


class Annotator:
    """Draws covers instead of hiding them; what has no result is hidden whole all the same."""

    def __init__(self, size: tuple[int, int], *, i_know_this_is_not_redacted: bool = False) -> None:
        """Annotate frames of `size` (width, height).

        Raises:
            UsageError: when the caller does not say that it knows.
        """
        if i_know_this_is_not_redacted is not True:
            raise UsageError(
                "boxes hide nothing; if that is what you want, say --i-know-this-is-not-redacted"
            )
        self.size = size
        self._redactor = Redactor(size, Effect("solid"))

    def annotate(self, frame: Frame, cover: Cover) -> AnnotatedFrame:
        """Draw each outline's rectangle, class and track in a copy.

        Raises:
            PipelineError: when the planes are neither I420 nor NV12.
        """
        if frame.size != self.size or whole_reason(cover) is not None:
            hidden = self._redactor.redact(frame, cover)
            return AnnotatedFrame(_SEAL, frame, hidden.planes, hidden.whole)
        planes = copied_planes(frame)
        for outline, patch in patches_of(cover, self.size):
            self._draw(frame, planes, outline, patch)
        return AnnotatedFrame(_SEAL, frame, planes)

    def _draw(self, frame: Frame, planes: Planes, outline: PlacedOutline, patch: Patch) -> None:
        # In units of two pixels, so that luma and chroma agree.
        left, top = int(patch.x) // 2, int(patch.y) // 2
        height, width = patch.pixels.shape
        right, bottom = left + max(1, width // 2), top + max(1, height // 2)
        scale = max(0.4, self.size[1] / 1440)
        text = f"{outline.label} {outline.track}".strip()
        (text_px, ascent_px), descent_px = cv2.getTextSize(text, _FONT, scale, 1)
        band_px = ascent_px + descent_px + 4
        # Above the box, or inside it at the frame's upper edge.
        band_top = top - band_px // 2 if top * 2 >= band_px else top
        band = (left, band_top), (left + text_px // 2 + 2, band_top + band_px // 2)

        flats = flat_planes(_hue_of(outline.track), frame.colour, len(planes))
        for place, (plane, flat) in enumerate(zip(planes, flats, strict=True)):
            unit, line = (1, 1) if place else (2, 2)
            for (start, end), thickness in ((((left, top), (right, bottom)), line), (band, -1)):
                cv2.rectangle(
                    plane,
                    (start[0] * unit, start[1] * unit),
                    (end[0] * unit, end[1] * unit),
                    flat,
                    thickness,
                )
        (ink, *_) = flat_planes(_INK, frame.colour, len(planes))
        baseline = band_top * 2 + ascent_px + 2
        cv2.putText(planes[0], text, (left * 2 + 2, baseline), _FONT, scale, ink, 1, cv2.LINE_AA)


def _hue_of(track: int) -> tuple[int, int, int]:
    """A light colour; the golden ratio keeps neighbouring numbers apart."""
    red, green, blue = colorsys.hsv_to_rgb(track * 0.618034 % 1, 0.6, 1)
    return round(red * 255), round(green * 255), round(blue * 255)
