"""A track's outlines at one moment, where they lie in the scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from agent.frames.sighting import Sighting
    from agent.track.track import Track
    from models.outline import Bounds, Field


@dataclass(frozen=True, slots=True)
class Moment:
    """A frame, as far as tracks are concerned.

    Attributes:
        scene_at: where the scene lies in the frame, float64 [2] x y, pixels.
    """

    index: int
    time_s: float
    scene_at: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class InterpolatedOutline:
    """An outline of a track at one moment.

    Attributes:
        bounds: where it lies in the scene, pixels.
        grow_px: by how much the outline must grow for the motion that is not known.
    """

    track: Track
    bounds: Bounds
    field: Field
    grow_px: float


def at_rest(track: Track, seen: Sighting, moment: Moment, *, in_frame: bool) -> InterpolatedOutline:
    """What a keyframe saw, as if it had not moved since: in the frame, or else in the scene."""
    bounds = seen.outline.bounds
    if in_frame:
        bounds = seen.in_frame - np.concatenate((moment.scene_at, moment.scene_at))
    return InterpolatedOutline(track, bounds, seen.outline.field, 0.0)
