"""Sighting: one object, as the detector saw it in one keyframe."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from models.outline import Bounds, Outline

if TYPE_CHECKING:
    from models.instances import Instances

EDGE_PX = 2
"""Nearer to the frame's edge than this, an object is cut off by it. Chosen, not measured."""


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """One object in one keyframe; two sightings are equal when they are the same one.

    Attributes:
        index: the keyframe's frame index.
        class_id: what the detector called it this time.
        cut_off: whether the frame's edge cut it off.
        time_s: the keyframe's time in the stream.
        scene_at: where the scene lay in the keyframe, float64 [2] x y, pixels.
    """

    index: int
    outline: Outline
    score: float
    class_id: int
    cut_off: bool = False
    time_s: float = 0.0
    scene_at: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))

    def in_scene(
        self, at: npt.NDArray[np.float64], size: tuple[int, int], time_s: float
    ) -> Sighting:
        """The same where it lies in the scene, which lies `at` (x, y) in a frame of `size`."""
        x0, y0, x1, y1 = self.outline.bounds
        cut_off = bool(min(x0, y0, size[0] - x1, size[1] - y1) < EDGE_PX)
        outline = Outline(self.outline.bounds - np.concatenate((at, at)), self.outline.field)
        return replace(self, outline=outline, cut_off=cut_off, time_s=time_s, scene_at=at)

    @property
    def in_frame(self) -> Bounds:
        """Bounds where it was in the keyframe itself, pixels."""
        return self.outline.bounds + np.concatenate((self.scene_at, self.scene_at))


def sightings_of(instances: Instances, index: int) -> list[Sighting]:
    """What a keyframe's instances show; those without a pixel of outline are left out."""
    found = []
    for i in range(len(instances)):
        outline = Outline.of(instances, i)
        if outline is not None:
            found.append(
                Sighting(index, outline, float(instances.scores[i]), int(instances.classes[i]))
            )
    return found
