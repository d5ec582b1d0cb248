"""Track: one object, as the keyframes saw it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from models.boxes import iou

if TYPE_CHECKING:
    from agent.frames.sighting import Sighting
    from models.outline import Bounds

PACE_S = 0.1
"""Least time between two sightings that tell a speed; nearer ones tell more of the detector's
jitter than of motion. Chosen: three frames at 30 a second."""

MIN_SAME_IOU = 0.3
"""Overlap of a sighting with where its track had led, below which it may be a bystander. Chosen:
what overlaps less is covered better by both than by what lies between them."""


@dataclass(slots=True)
class Track:
    """An object that is hidden for as long as it lives.

    Attributes:
        number: counts from 1 within a run.
        class_id: the class it was born with; it keeps it when the detector wavers.
        sightings: by rising frame index, never empty.
        misses: keyframes since the last sighting.
        sure: whether a sure sighting began it.
        also: other hidden classes that the detector was sure of at times.
        leaps: keyframes whose sighting lies where nothing led, and may be of another object.
    """

    number: int
    class_id: int
    sightings: list[Sighting] = field(default_factory=list)
    misses: int = 0
    sure: bool = True
    also: set[int] = field(default_factory=set)
    leaps: set[int] = field(default_factory=set)

    def go_on(self, seen: Sighting) -> None:
        """Take in the next sighting."""
        before = self.sightings[-1].outline.bounds
        led = np.stack([self.predicted(seen.time_s), before]).astype(np.float32)
        if iou(led, seen.outline.bounds[None].astype(np.float32)).max() < MIN_SAME_IOU:
            self.leaps.add(seen.index)
        self.sightings.append(seen)
        self.misses = 0

    def predicted(self, time_s: float) -> Bounds:
        """Where the object would be at a later time if it went on as it went: bounds, pixels."""
        last = self.sightings[-1]
        return last.outline.bounds + self.velocity(-1) * (time_s - last.time_s)

    def velocity(self, at: int) -> Bounds:
        """Motion of the centre, pixels a second, float64 [4], at the first (0) or last (-1) end."""
        ordered = self.sightings if at == 0 else self.sightings[::-1]
        end, others = ordered[0], ordered[1:]
        apart = (s for s in others if abs(s.time_s - end.time_s) >= PACE_S)
        other = next(apart, ordered[-1])
        if other.time_s == end.time_s:
            return np.zeros(4)
        pace = shift(end.outline.bounds, other.outline.bounds) / (other.time_s - end.time_s)
        return np.concatenate((pace, pace))


def shift(of: Bounds, to: Bounds) -> npt.NDArray[np.float64]:
    """How far the middle of one box lies from that of another, float64 [2] x y, pixels."""
    return (to[:2] + to[2:]) / 2 - (of[:2] + of[2:]) / 2
