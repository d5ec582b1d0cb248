"""Effect: what stands in the place of what is hidden, as people name it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from agent.errors import UsageError

_SOLID = re.compile(r"solid(?::([0-9a-fA-F]{6}))?")


@dataclass(frozen=True, slots=True)
class Effect:
    """How to hide.

    Attributes:
        kind: `solid` is the strict one: nothing of the object but its outline is left.
        rgb: the colour of `solid`, and of a frame that can't even be averaged; 0 to 255.
    """

    kind: Literal["blur", "pixelate", "solid"]
    rgb: tuple[int, int, int] = (0, 0, 0)

    @classmethod
    def parse(cls, text: str) -> Effect:
        """Read `blur`, `pixelate`, `solid` (black) or `solid:RRGGBB`.

        Raises:
            UsageError: when it is none of them.
        """
        if text == "blur":
            return cls("blur")
        if text == "pixelate":
            return cls("pixelate")
        solid = _SOLID.fullmatch(text)
        if solid is None:
            raise UsageError(
                f"unknown effect {text!r}: choose blur, pixelate, solid or solid:RRGGBB"
                " (six hex digits, as in solid:ff00ff)"
            )
        red, green, blue = bytes.fromhex(solid[1] or "000000")
        return cls("solid", (red, green, blue))

    def __str__(self) -> str:
        """The words that `parse` reads."""
        return f"solid:{bytes(self.rgb).hex()}" if self.kind == "solid" else self.kind
