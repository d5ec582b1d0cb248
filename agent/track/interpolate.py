"""Where a track is between and beyond its sightings, when later keyframes are known.

Between two sightings the outline is blended in box coordinates and placed by linear motion. A line
through two points of a curved path is wrong by at most an eighth of the change of velocity over
the interval; by that much the cover grows in the middle, less what a box jitters by itself, and by
a part of what the two outlines disagree about. Beyond the first and last sighting the object may
stand still or go on: the outline goes half the way and grows by the other half.

All that is a guess about motion. What was seen is none, so in each half of an interval the nearer
keyframe's own outline stays hidden, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agent.track.placed import InterpolatedOutline, at_rest
from agent.track.track import Track, shift
from models.outline import Bounds, Field, Outline, longer_side

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.frames.sighting import Sighting
    from agent.track.placed import Moment
    from agent.track.tracker import Tracker

# Those below were tuned on six DAVIS-2016 sequences, which `make bench` names.

DISAGREEMENT = 0.1
"""Share of the difference of two outlines that is added to their blend (0.5 is their union)."""

MAX_GROWTH = 0.25
"""Of the longer side: beyond that the motion is a guess, and the cover would hide the background."""

MAX_GROWTH_BEYOND = 0.1
"""Likewise beyond the first and last sighting, where often nothing is there any more."""

JITTER = 0.01
"""Of the longer side: so much do the boxes of an object at rest differ."""

KEYFRAMES_HELD = 2
"""For which a track is held after its last sighting: a detector may miss an object twice in a row."""


def interpolated(tracker: Tracker, moment: Moment) -> Iterator[InterpolatedOutline]:
    """All that must be hidden of the tracks at a moment; some have several outlines."""
    for track in tracker.tracks:
        first, last = track.sightings[0], track.sightings[-1]
        if moment.index < first.index:
            if moment.index > tracker.before(first, reach(first)):
                yield from _beyond(track, first, moment, 0)
        elif moment.index >= last.index:
            if moment.index <= max(tracker.after(last, KEYFRAMES_HELD), last.index):
                yield from _beyond(track, last, moment, -1)
        else:
            later = (i for i, s in enumerate(track.sightings) if s.index > moment.index)
            at = next(later) - 1
            yield _between(track, at, moment)
            if track.sightings[at].index < moment.index:
                yield from _as_seen(tracker, track, at, moment)


def reach(seen: Sighting) -> int:
    """Keyframes beyond its ends for which a track is held.

    What the frame's edge cuts off is on its way in or out, and for a while too little of it
    shows for the network to tell what it is.
    """
    return 2 if seen.cut_off else 1


def _beyond(
    track: Track, seen: Sighting, moment: Moment, end: int
) -> Iterator[InterpolatedOutline]:
    moved = track.velocity(end) * (moment.time_s - seen.time_s) / 2
    bounds = seen.outline.bounds + moved
    grow_px = min(float(np.hypot(*moved[:2])), MAX_GROWTH_BEYOND * longer_side(bounds))
    yield InterpolatedOutline(track, bounds, seen.outline.field, grow_px)
    if len(track.sightings) == 1 and moment.index != seen.index:
        # Nobody knows whether the camera, where it moves, follows the object.
        yield at_rest(track, seen, moment, in_frame=True)


def _between(track: Track, at: int, moment: Moment) -> InterpolatedOutline:
    a, b = track.sightings[at], track.sightings[at + 1]
    share = (moment.time_s - a.time_s) / (b.time_s - a.time_s)
    middle = 4 * share * (1 - share)  # 0 at the sightings, 1 half-way
    bounds = a.outline.bounds * (1 - share) + b.outline.bounds * share
    longer = longer_side(bounds)
    # Where times are uneven, either the object or the clock is: nobody knows which.
    uneven = abs(share - (moment.index - a.index) / (b.index - a.index))
    uneven_px = uneven * float(np.abs(b.outline.bounds - a.outline.bounds).max())
    bend_px = middle * max(_bend(track, at) - JITTER * longer, 0.0)
    grow_px = min(bend_px + uneven_px, MAX_GROWTH * longer)
    return InterpolatedOutline(track, bounds, _blend(a.outline, b.outline, share, middle), grow_px)


def _as_seen(
    tracker: Tracker, track: Track, at: int, moment: Moment
) -> Iterator[InterpolatedOutline]:
    """The neighbouring sightings' own outlines, where they were seen.

    In the scene or in the frame, wherever the object moved less between them: a camera that
    follows it carries the scene past it. One of the two that may not be the same object is held
    as if its track had ended or begun there.
    """
    a, b = track.sightings[at], track.sightings[at + 1]
    in_scene = np.abs(shift(a.outline.bounds, b.outline.bounds)).max()
    in_frame = np.abs(shift(a.in_frame, b.in_frame)).max()
    doubtful = b.index in track.leaps
    first_half = 2 * moment.time_s < a.time_s + b.time_s
    for seen, near, held in (
        (a, first_half, doubtful and moment.index <= tracker.after(a, reach(a))),
        (b, not first_half, doubtful and moment.index > tracker.before(b, reach(b))),
    ):
        if near or held:
            yield at_rest(track, seen, moment, in_frame=bool(in_frame <= in_scene))


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
        return step / (sightings[i + 1].time_s - sightings[i].time_s)

    here = pace(at)
    neighbours = [i for i in (at - 1, at + 1) if 0 <= i < len(sightings) - 1]
    # With two sightings only, the object may have started or stopped in between.
    changes = [np.abs(here - pace(i)).max() for i in neighbours] or [np.abs(here).max() / 2]
    return float(max(changes)) * (sightings[at + 1].time_s - sightings[at].time_s) / 8
