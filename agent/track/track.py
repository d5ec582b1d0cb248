"""Track: one object, as the keyframes saw it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from models.outline import Bounds, Outline, centre

if TYPE_CHECKING:
    from models.instances import Instances

EDGE_PX = 2
"""Nearer to the frame's edge than this, an object is cut off by it."""


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """One object in one keyframe; two sightings are equal when they are the same one.

    Attributes:
        index: the keyframe's frame index.
        class_id: what the detector called it this time.
        cut_off: whether the frame's edge cut it off.
    """

    index: int
    shape: Outline
    score: float
    class_id: int
    cut_off: bool = False

    def in_scene(self, at: npt.NDArray[np.float64], size: tuple[int, int]) -> Sighting:
        """The same where it lies in the scene, which lies `at` (x, y) in a frame of `size`."""
        x0, y0, x1, y1 = self.shape.bounds
        cut_off = min(x0, y0, size[0] - x1, size[1] - y1) < EDGE_PX
        shape = Outline(self.shape.bounds - np.tile(at, 2), self.shape.field)
        return Sighting(self.index, shape, self.score, self.class_id, bool(cut_off))


@dataclass(slots=True)
class Track:
    """An object that is hidden for as long as it lives.

    Attributes:
        number: counts from 1 within a run.
        class_id: the class it was born with; it keeps it when the detector wavers.
        sightings: by rising frame index, never empty.
        misses: keyframes since the last sighting.
    """

    number: int
    class_id: int
    sightings: list[Sighting] = field(default_factory=list)
    misses: int = 0

    def predicted(self, index: int) -> Bounds:
        """Where the object would be at a later frame if it went on as it went: bounds, pixels."""
        last = self.sightings[-1]
        return last.shape.bounds + self.velocity(-1) * (index - last.index)

    def velocity(self, at: int) -> Bounds:
        """Motion of the centre, pixels a frame, float64 [4], at the first (0) or last (-1) end."""
        if len(self.sightings) == 1:
            return np.zeros(4)
        first, second = self.sightings[:2] if at == 0 else self.sightings[-2:]
        moved = centre(second.shape.bounds) - centre(first.shape.bounds)
        return moved / (second.index - first.index)


def sightings_of(instances: Instances, index: int) -> list[Sighting]:
    """What a keyframe's instances show; those without a pixel of outline are left out."""
    found = []
    for i in range(len(instances)):
        shape = Outline.of(instances, i)
        if shape is not None:
            found.append(
                Sighting(index, shape, float(instances.scores[i]), int(instances.classes[i]))
            )
    return found
