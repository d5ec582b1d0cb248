"""Where a track is when no later keyframe is known: low latency.

The outline goes on as it went and grows with the way, for it may have stopped or sped up; what was
seen last stays hidden in its place in the frame, in case the camera follows the object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agent.track.interpolate import reach
from agent.track.placed import InterpolatedOutline, at_rest
from models.outline import longer_side

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.track.placed import Moment
    from agent.track.tracker import Tracker

# Both tuned on six DAVIS-2016 sequences, which `make bench` names.

WAY = 0.5
"""Share of its way that an outline goes, and by which it grows."""

MAX_GROWTH = 0.2
"""Of the longer side."""


def extrapolated(tracker: Tracker, moment: Moment) -> Iterator[InterpolatedOutline]:
    """All that must be hidden of the tracks at a moment behind the last keyframe, or at it."""
    for track in tracker.tracks:
        last = track.sightings[-1]
        if moment.index > tracker.after(last, reach(last)):
            continue
        moved = track.velocity(-1) * (moment.time_s - last.time_s) * WAY
        bounds = last.outline.bounds + moved
        grow_px = min(float(np.hypot(*moved[:2])), MAX_GROWTH * longer_side(bounds))
        yield InterpolatedOutline(track, bounds, last.outline.field, grow_px)
        if moment.index > last.index:
            yield at_rest(track, last, moment, in_frame=True)
