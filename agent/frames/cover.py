"""Cover: what must be hidden in one frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Patch:
    """One object to hide.

    Attributes:
        x: left edge of the patch, frame pixels; the patch lies inside the frame.
        y: top edge, frame pixels.
        pixels: uint8 [h, w], 255 where the object must be hidden, else 0.
        track: the track it belongs to, for reports.
        label: its class name, for reports.
    """

    x: int
    y: int
    pixels: npt.NDArray[np.uint8]
    track: int = 0
    label: str = ""


@dataclass(frozen=True, slots=True)
class Cover:
    """Patches from a valid result, or the whole frame and the reason why.

    An empty cover is a claim, not a default: a healthy detector saw nothing here.
    """

    patches: tuple[Patch, ...]
    whole: str | None = None

    @classmethod
    def all_of_it(cls, reason: str) -> Cover:
        """Hide the whole frame, because of `reason` (a short word for counting)."""
        return cls((), reason)
