"""Track: one object, as the keyframes saw it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from models.outline import Bounds, centre

if TYPE_CHECKING:
    from agent.frames.sighting import Sighting


@dataclass(slots=True)
class Track:
    """An object that is hidden for as long as it lives.

    Attributes:
        number: counts from 1 within a run.
        class_id: the class it was born with; it keeps it when the detector wavers.
        sightings: by rising frame index, never empty.
        misses: keyframes since the last sighting.
        also: other hidden classes that the detector was sure of at times.
    """

    number: int
    class_id: int
    sightings: list[Sighting] = field(default_factory=list)
    misses: int = 0
    also: set[int] = field(default_factory=set)

    def predicted(self, index: int) -> Bounds:
        """Where the object would be at a later frame if it went on as it went: bounds, pixels."""
        last = self.sightings[-1]
        return last.outline.bounds + self.velocity(-1) * (index - last.index)

    def velocity(self, at: int) -> Bounds:
        """Motion of the centre, pixels a frame, float64 [4], at the first (0) or last (-1) end."""
        if len(self.sightings) == 1:
            return np.zeros(4)
        first, second = self.sightings[:2] if at == 0 else self.sightings[-2:]
        moved = centre(second.outline.bounds) - centre(first.outline.bounds)
        return moved / (second.index - first.index)
