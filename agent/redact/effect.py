"""Effect: what stands in the place of what is hidden, as people name it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from agent.errors import UsageError
from agent.redact.class_words import is_face, is_readable

if TYPE_CHECKING:
    from agent.frames.cover import PlacedOutline

MAX_CELLS = 12
"""Of blur and pixelate along an object's longer side. Chosen. `make bench BENCH=effects`: with the
people covered, YuNet finds none of 447 faces again."""

MAX_FACE_CELLS = 6
"""Likewise of a face or a head, whose own box is all that is covered: of 103 faces of `MIN_BLUR_PX`
or more YuNet finds 14 % again, with 12 cells 46 % (the same program)."""

MIN_BLUR_PX = 48
"""What is smaller is solid where nobody chose. It is 12 cells of 4 px, the least that a cell may
have: below, no number of cells hides an object any more. Chosen so, then measured: on videos and
DAVIS YuNet finds 27 % of 237 smaller faces again behind 6 cells of blur, and 14 % of 56 larger
ones. Frames add up below, too: the mean of ten shows three quarters more of a face of 16 px than
one frame does, and of 48 px no more."""

_SOLID = re.compile(r"solid(?::([0-9a-fA-F]{6}))?")


@dataclass(frozen=True, slots=True)
class Effect:
    """How to hide.

    Attributes:
        kind: `solid` is the strict one: nothing of the object but its outline is left. `auto` is
            solid for what can be read and for what is small, and blur for the rest.
        rgb: the colour of `solid`, and of a frame that can't even be averaged; 0 to 255.
        max_cells: of blur and pixelate, along the object's longer side.
    """

    kind: Literal["auto", "blur", "pixelate", "solid"]
    rgb: tuple[int, int, int] = (0, 0, 0)
    max_cells: int = MAX_CELLS

    @classmethod
    def parse(cls, text: str) -> Effect:
        """Read `auto`, `blur`, `pixelate`, `solid` (black) or `solid:RRGGBB`.

        Raises:
            UsageError: when it is none of them.
        """
        if text == "auto":
            return cls("auto")
        if text == "blur":
            return cls("blur")
        if text == "pixelate":
            return cls("pixelate")
        solid = _SOLID.fullmatch(text)
        if solid is None:
            raise UsageError(
                f"unknown effect {text!r}: choose auto, blur, pixelate, solid or solid:RRGGBB"
                " (six hex digits, as in solid:ff00ff)"
            )
        red, green, blue = bytes.fromhex(solid[1] or "000000")
        return cls("solid", (red, green, blue))

    def __str__(self) -> str:
        """The words that `parse` reads."""
        return f"solid:{bytes(self.rgb).hex()}" if self.kind == "solid" else self.kind

    def on_frame(self) -> Effect:
        """What hides a whole frame: `auto` blurs it."""
        return replace(self, kind="blur") if self.kind == "auto" else self

    def on(self, outline: PlacedOutline, size: tuple[int, int]) -> Effect:
        """What hides an object in a frame of `size` (width, height): `auto` decides.

        What counts is how much of the object's box the frame shows, and the strictest of the
        class names that the detector had for it.
        """
        names = outline.label, *outline.also
        if self.kind == "solid":
            return self
        if self.kind == "auto":
            if any(map(is_readable, names)) or _shown_px(outline, size) < MIN_BLUR_PX:
                return replace(self, kind="solid")
            return replace(self, kind="blur").on(outline, size)
        return replace(self, max_cells=MAX_FACE_CELLS) if any(map(is_face, names)) else self


def _shown_px(outline: PlacedOutline, size: tuple[int, int]) -> float:
    """The longer side of that part of an outline's box that lies in the frame."""
    (x0, y0, x1, y1), (width, height) = outline.bounds, size
    return float(max(min(x1, width) - max(x0, 0), min(y1, height) - max(y0, 0)))
