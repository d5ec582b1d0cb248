"""Which frames the detector must see: scene cuts, and how far apart the others may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.track.shape import longer_side

if TYPE_CHECKING:
    from agent.track.track import Sighting
    from agent.track.tracker import Tracker
    from agent.video.frame import Plane

_THUMBNAIL = (32, 18)
_CUT = 24.0  # mean absolute difference of two luma thumbnails, of 255
_CUT_RATIO = 4.0  # and this many times the usual difference, so that shaking is no cut


class CutFinder:
    """Finds the first frame of each new scene."""

    def __init__(self) -> None:
        self._last: np.ndarray[tuple[int, ...], np.dtype[np.int16]] | None = None
        self._usual = 0.0

    def is_cut(self, luma: Plane) -> bool:
        """Whether this frame starts a new scene; frames come in order."""
        sparse = np.ascontiguousarray(luma[::4, ::4])
        thumbnail = cv2.resize(sparse, _THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.int16)
        last, self._last = self._last, thumbnail
        if last is None:
            return False
        difference = float(np.abs(thumbnail - last).mean())
        cut = difference > _CUT and difference > _CUT_RATIO * self._usual
        self._usual = 0.9 * self._usual + 0.1 * min(difference, _CUT)
        return cut


_STEADY = 0.35  # change between two keyframes, in object sizes, that interpolation bears


def needs_another(tracker: Tracker, found: tuple[Sighting, ...]) -> bool:
    """Whether a frame half-way between the last keyframe and this one must be seen too."""
    pairs, lost, births = tracker.preview(found)
    if lost or births:
        return True
    return any(
        float(np.abs(new.shape.bounds - track.sightings[-1].shape.bounds).max())
        > _STEADY * longer_side(new.shape.bounds)
        for track, new in pairs
    )


def next_interval(tracker: Tracker, most: int) -> int:
    """Frames until the next keyframe where no look-ahead can mend a wrong guess.

    A quarter of the smaller side is what an object may move unseen.
    """
    interval = float(most)
    for track in tracker.tracks:
        if track.misses:
            return 1
        bounds = track.sightings[-1].shape.bounds
        speed = float(np.hypot(*track.velocity(-1)[:2]))
        if speed > 0:
            interval = min(interval, 0.25 * float((bounds[2:] - bounds[:2]).min()) / speed)
    return max(1, int(interval))
