"""Effect: what stands in the place of what is hidden, as people name it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from agent.errors import UsageError
from agent.redact.class_words import is_face, is_readable

if TYPE_CHECKING:
    from agent.frames.cover import PlacedOutline

MAX_CELLS = 12
"""Of blur and pixelate along an object's longer side. Chosen; `make bench BENCH=effects` finds no
face again behind them."""

MAX_FACE_CELLS = 6
"""Likewise where the object is a face or a head."""

MIN_BLUR_PX = 48
"""TODO"""

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
    corners = outline.bounds.reshape(2, 2).clip(0, size)
    return float(np.ptp(corners, axis=0).max())
