"""Where a track is in any frame, and how far its cover must grow to be safe there.

Between two sightings the outline is blended in box coordinates and placed by linear motion. A line
through two points of a curved path is wrong by at most an eighth of the change of velocity over
the interval; by that much the cover grows in the middle, less what a box jitters by itself, and by
a part of what the two outlines disagree about. Beyond the first and last sighting the object may
stand still or go on: the outline goes half the way and grows by the other half.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.outline import Bounds, Field, Outline, longer_side

if TYPE_CHECKING:
    from agent.frames.sighting import Sighting
    from agent.track.track import Track
    from agent.track.tracker import Tracker

# The four below were tuned on the six DAVIS-2016 sequences that README reports.

DISAGREEMENT = 0.1
"""Share of the difference of two outlines that is added to their blend (0.5 is their union)."""

MAX_GROWTH = 0.25
"""Of the longer side: beyond that the motion is a guess, and the cover would hide the background."""

MAX_GROWTH_BEYOND = 0.1
"""Likewise beyond the first and last sighting, where often nothing is there any more."""

JITTER = 0.01
"""Of the longer side: so much do the boxes of an object at rest differ."""


@dataclass(frozen=True, slots=True)
class InterpolatedOutline:
    """A track's outline in one frame, where it lies in the scene.

    Attributes:
        grow_px: by how much the outline must grow for the motion that is not known.
    """

    track: Track
    bounds: Bounds
    field: Field
    grow_px: float


def interpolated(tracker: Tracker, index: int) -> list[InterpolatedOutline]:
    """The outline of every track that must be hidden in the frame at `index`."""
    found = (_interpolate(track, index, tracker) for track in tracker.tracks)
    return [outline for outline in found if outline is not None]


def _interpolate(track: Track, index: int, tracker: Tracker) -> InterpolatedOutline | None:
    first, last = track.sightings[0], track.sightings[-1]
    if index < first.index:
        if index <= tracker.before(first.index, _reach(first)):
            return None
        return _beyond(track, first, index, track.velocity(0), MAX_GROWTH_BEYOND)
    if index >= last.index:
        until = tracker.after(last.index, _reach(last))
        if index > max(until, last.index):
            return None
        # Without look-ahead nothing says yet that the object is gone: it may have gone on.
        most = MAX_GROWTH_BEYOND if np.isfinite(until) else MAX_GROWTH
        return _beyond(track, last, index, track.velocity(-1), most)
    for at in range(len(track.sightings) - 1):
        if index < track.sightings[at + 1].index:
            return _between(track, at, index)
    return None


def _reach(seen: Sighting) -> int:
    """Keyframes beyond its ends for which a track is held.

    What the frame's edge cuts off is on its way in or out, and for a while too little of it
    shows for the network to tell what it is.
    """
    return 2 if seen.cut_off else 1


def _beyond(
    track: Track, seen: Sighting, index: int, velocity: Bounds, most: float
) -> InterpolatedOutline:
    moved = velocity * (index - seen.index) / 2
    bounds = seen.outline.bounds + moved
    grow_px = min(float(np.hypot(*moved[:2])), most * longer_side(bounds))
    return InterpolatedOutline(track, bounds, seen.outline.field, grow_px)


def _between(track: Track, at: int, index: int) -> InterpolatedOutline:
    a, b = track.sightings[at], track.sightings[at + 1]
    share = (index - a.index) / (b.index - a.index)
    middle = 4 * share * (1 - share)  # 0 at the sightings, 1 half-way
    bounds = a.outline.bounds * (1 - share) + b.outline.bounds * share
    longer = longer_side(bounds)
    bend_px = min(_bend(track, at) - JITTER * longer, MAX_GROWTH * longer)
    return InterpolatedOutline(
        track, bounds, _blend(a.outline, b.outline, share, middle), middle * max(bend_px, 0.0)
    )


def _blend(a: Outline, b: Outline, share: float, middle: float) -> Field:
    if share == 0:
        return a.field
    blended = a.field * np.float32(1 - share) + b.field * np.float32(share)
    blended += np.abs(a.field - b.field) * np.float32(DISAGREEMENT * middle)
    # Two outlines with nothing in common can blend into none: then either of them is hidden.
    return np.asarray(blended if blended.max() > 0 else np.maximum(a.field, b.field))


def _bend(track: Track, at: int) -> float:
    """Pixels that a box corner can be off half-way between sightings `at` and `at + 1`."""
    sightings = track.sightings

    def pace(i: int) -> Bounds:
        step = sightings[i + 1].outline.bounds - sightings[i].outline.bounds
        return step / (sightings[i + 1].index - sightings[i].index)

    here = pace(at)
    neighbours = [i for i in (at - 1, at + 1) if 0 <= i < len(sightings) - 1]
    # With two sightings only, the object may have started or stopped in between.
    changes = [np.abs(here - pace(i)).max() for i in neighbours] or [np.abs(here).max() / 2]
    return float(max(changes)) * (sightings[at + 1].index - sightings[at].index) / 8
