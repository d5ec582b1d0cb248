"""Which frames the detector must see: scene cuts, and how far apart the others may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.track.tracker import MAX_MISSES
from models.outline import longer_side

if TYPE_CHECKING:
    from agent.frames.frame import Frame
    from agent.frames.sighting import Sighting
    from agent.track.track import Track
    from agent.track.tracker import Tracker

_GRID = (32, 18)
_MIN_CUT = 24.0
_MIN_CUT_RATIO = 2.5
_SURE_CUT = 45.0
"""A cut is where the luma of two frames on that grid differs by at least `_MIN_CUT` of 255 and by
so many times the usual, so that shaking is no cut; or by `_SURE_CUT`, whatever is usual.

In 20 clips from DAVIS-2016 and elsewhere that have no cut, neighbouring frames differ by 30 at
most, up to 2 times the median of their clip; unrelated pictures (coco128) by 34 to 99."""


class CutFinder:
    """Finds the first frame of each new scene."""

    def __init__(self) -> None:
        self._last: np.ndarray[tuple[int, ...], np.dtype[np.int16]] | None = None
        self._usual = 0.0

    def is_cut(self, frame: Frame) -> bool:
        """Whether this frame starts a new scene; frames come in order."""
        small = cv2.resize(frame.thumbnail(), _GRID, interpolation=cv2.INTER_AREA).astype(np.int16)
        last, self._last = self._last, small
        if last is None:
            return False
        difference = float(np.abs(small - last).mean())
        if difference > min(max(_MIN_CUT, _MIN_CUT_RATIO * self._usual), _SURE_CUT):
            return True  # and it teaches nothing: in a slide show cuts would become the usual
        self._usual = 0.9 * self._usual + 0.1 * difference
        return False


_MAX_OUTLINE_ERROR = 0.09
"""Expected error of the outlines half-way, share of an object's longer side, above which a frame
between is looked at (this and the next two: tuned on six DAVIS-2016 sequences)."""

_ONE_SIDED_ERROR = 0.25
"""The error that an object counts with which only one of the two keyframes shows."""

_MIN_HALVED_INTERVAL = 4
"""Frames between keyframes below which another one adds detector noise and no knowledge."""


def needs_another(tracker: Tracker, index: int, found: tuple[Sighting, ...]) -> bool:
    """Whether a frame half-way between the last keyframe and the one at `index` must be seen too.

    Objects count by their area: a crowd far away, of which the detector sees another part each
    time, would else ask for every frame and be covered no better.
    """
    if index - tracker.keyframes[-1].index < _MIN_HALVED_INTERVAL:
        return False
    pairs, alone = tracker.preview(found)
    errors = [(_area(new), _outline_error(track, new)) for track, new in pairs]
    errors += [(_area(sighting), _ONE_SIDED_ERROR) for sighting in alone]
    return sum(area * error for area, error in errors) > _MAX_OUTLINE_ERROR * sum(
        area for area, _ in errors
    )


def _area(sighting: Sighting) -> float:
    return float(np.prod(sighting.outline.bounds[2:] - sighting.outline.bounds[:2]))


def _outline_error(track: Track, new: Sighting) -> float:
    """How wrong the outline may be between a track's last sighting and a new one.

    A bent path, as `agent.track.interpolate` reckons it, and the mean distance of the outlines.
    """
    last = track.sightings[-1]
    gap_s = new.time_s - last.time_s
    pace = (new.outline.bounds - last.outline.bounds) / gap_s
    bend_px = float(np.abs(pace - track.velocity(-1)).max()) * gap_s / 8
    shapes = float(np.abs(new.outline.field - last.outline.field).mean())
    return bend_px / longer_side(new.outline.bounds) + shapes


def may_move_unseen_s(tracker: Tracker, share: float) -> float:
    """Seconds until the fastest object has moved by this share of its smaller side."""
    least_s = float("inf")
    for track in _live(tracker):
        bounds = track.sightings[-1].outline.bounds
        speed = float(np.hypot(*track.velocity(-1)[:2]))
        if speed > 0:
            least_s = min(least_s, share * float((bounds[2:] - bounds[:2]).min()) / speed)
    return least_s


def is_unsettled(tracker: Tracker) -> bool:
    """Whether the last keyframe left it open where an object is, or how fast."""
    return any(track.misses or len(track.sightings) == 1 for track in _live(tracker))


def _live(tracker: Tracker) -> list[Track]:
    """Only sure ones: a doubt must not cost the others their next look."""
    return [track for track in tracker.tracks if track.sure and track.misses <= MAX_MISSES]
