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
_MIN_CUT = 24.0  # mean absolute difference of two frames' luma on that grid, of 255
_MIN_CUT_RATIO = 4.0  # and this many times the usual difference, so that shaking is no cut
# Both were chosen on worlds that shake and cut, not measured on footage.


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
        cut = difference > _MIN_CUT and difference > _MIN_CUT_RATIO * self._usual
        self._usual = 0.9 * self._usual + 0.1 * min(difference, _MIN_CUT)
        return cut


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
    gap = new.index - last.index
    pace = (new.outline.bounds - last.outline.bounds) / gap
    bend_px = float(np.abs(pace - track.velocity(-1)).max()) * gap / 8
    shapes = float(np.abs(new.outline.field - last.outline.field).mean())
    return bend_px / longer_side(new.outline.bounds) + shapes


def next_interval(tracker: Tracker, most: int) -> int:
    """Frames until the next keyframe where no look-ahead can mend a wrong guess.

    A quarter of the smaller side is what an object may move unseen.
    """
    interval = float(most)
    for track in tracker.tracks:
        if track.misses > MAX_MISSES:
            continue
        if track.misses or len(track.sightings) == 1:
            return 1  # where it is, or how fast, is not known
        bounds = track.sightings[-1].outline.bounds
        speed = float(np.hypot(*track.velocity(-1)[:2]))
        if speed > 0:
            interval = min(interval, 0.25 * float((bounds[2:] - bounds[:2]).min()) / speed)
    return max(1, int(interval))
