"""Cover: what must be hidden in one frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.outline import Bounds, Field


@dataclass(frozen=True, slots=True, eq=False)
class PlacedOutline:
    """An outline to hide, where it lies in the frame; an object can have several.

    Attributes:
        bounds: float64 [4], x0 y0 x1 y1 of the outline's tight box, frame pixels; it may reach
            out of the frame.
        field: float32 [GRID, GRID], signed distance to the outline (`models.outline`).
        grow_px: by how much the outline must grow, pixels.
        track: the track it belongs to, for reports.
        label: its class name.
        also: other class names that the detector was sure of at times.
    """

    bounds: Bounds
    field: Field
    grow_px: float = 0.0
    track: int = 0
    label: str = ""
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cover:
    """Outlines from a valid result, or the whole frame and the reason why.

    An empty cover is a claim, not a default: a healthy detector saw nothing here.
    """

    outlines: tuple[PlacedOutline, ...]
    whole: str | None = None

    @property
    def objects(self) -> int:
        """How many there are to hide; one can have several outlines."""
        return len({outline.track for outline in self.outlines})

    @classmethod
    def all_of_it(cls, reason: str) -> Cover:
        """Hide the whole frame, because of `reason` (a short word for counting)."""
        return cls((), reason)
