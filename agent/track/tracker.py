"""Centroid tracker: follows objects from keyframe to keyframe; in doubt it keeps them hidden.

Tracks and sightings are matched by the Hungarian method on the distance of their centres, gated
by distance and size. A detection that is too weak to start a track, or of another class, can
still carry one on: detectors waver about class and score on the very objects that move most
(after the second association of ByteTrack, arXiv 2110.06864). With look-ahead a new track also
reaches back into keyframes that have not left yet.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from agent.track.track import Track
from models.boxes import iou

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.frames.sighting import Sighting

MAX_LOOK_BACK = 3
"""Keyframes that a new track may reach back, and that must not have left before."""

MAX_MISSES = 3
"""Keyframes without a sighting after which a track can't be found again."""

# Gates and costs, tuned on the six DAVIS-2016 sequences that README reports.
_MAX_DISTANCE = 1.0  # of centres, in square roots of the track's area
_MAX_SIZE_RATIO = 2.2
_OTHER_CLASS = 0.5  # cost of a change of class, in the same unit as the distance
_MIN_OTHER_IOU = 0.5  # of a detection of another class, or a bench takes over a person's track
_MAX_BACK_COST, _MIN_BACK_IOU = 0.8, 0.2  # a look back is a guess: stricter than following
_MIN_SAME_OBJECT_IOU = 0.8
_IMPOSSIBLE = 1e3


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A frame that the detector saw, and every candidate in it.

    Attributes:
        scene: counts cuts; nothing is followed from one scene into another.
        opens_scene: whether it is its scene's first frame.
    """

    index: int
    scene: int
    candidates: tuple[Sighting, ...]
    opens_scene: bool = False


class Tracker:
    """Follows objects through keyframes in rising order.

    Args:
        hidden: class ids whose detections start tracks.
        birth_scores: by class id, the score from which a detection starts a track.
    """

    def __init__(self, hidden: Sequence[int], birth_scores: dict[int, float]) -> None:
        self._hidden = frozenset(hidden)
        self._birth_scores = birth_scores
        self._taken: set[Sighting] = set()
        self.keyframes: list[Keyframe] = []
        self.tracks: list[Track] = []
        self.born = 0

    def update(self, keyframe: Keyframe) -> None:
        """Take in the next keyframe."""
        if self.keyframes and keyframe.scene != self.keyframes[-1].scene:
            for track in self.tracks:
                track.misses = MAX_MISSES + 1
        self.keyframes.append(keyframe)
        lost = [track for track in self.tracks if track.misses <= MAX_MISSES]
        births = [c for c in keyframe.candidates if self._starts_track(c)]
        self._follow(lost, births)
        lost = [track for track in lost if track.sightings[-1].index != keyframe.index]
        self._follow(lost, self._unclaimed(keyframe))
        for track in lost:
            if track.sightings[-1].index != keyframe.index:
                track.misses += 1
        for sighting in births:
            if sighting not in self._taken:
                self._start_track(sighting)

    def preview(
        self, found: tuple[Sighting, ...]
    ) -> tuple[list[tuple[Track, Sighting]], list[Sighting]]:
        """What a keyframe would bring, without taking it in.

        Returns:
            tracks with the sightings that would carry them on; and the last sightings of tracks
            that would be lost, and the first of those that would be born.
        """
        tracks = [track for track in self.tracks if track.misses == 0]
        births = [c for c in found if self._starts_track(c)]
        pairs = self._match(tracks, births)
        kept, claimed = {t.number for t, _ in pairs}, {s for _, s in pairs}
        left = [track for track in tracks if track.number not in kept]
        weak = self._match(left, [c for c in found if c not in claimed])
        carried = {t.number for t, _ in weak}
        lost = [t.sightings[-1] for t in left if t.number not in carried]
        return pairs + weak, lost + [c for c in births if c not in claimed]

    def before(self, index: int, count: int) -> int:
        """The frame after which an object that is first seen at keyframe `index` is hidden.

        That is the keyframe `count` before. Where a scene begins there, nothing says that the
        object came later, and it is hidden from the scene's first frame on.
        """
        at = self._position(index)
        scene = self.keyframes[at].scene
        earlier = [k for k in self.keyframes[max(0, at - count) : at] if k.scene == scene]
        if len(earlier) == count and not earlier[0].opens_scene:
            return earlier[0].index
        return min([index, *(k.index for k in earlier)]) - 1

    def after(self, index: int, count: int) -> float:
        """The frame up to which an object that was last seen at keyframe `index` is hidden.

        That is the keyframe `count` after, as soon as it is known, or the scene's last frame.
        """
        at = self._position(index)
        later = self.keyframes[at + 1 : at + 1 + count]
        for keyframe in later:
            if keyframe.scene != self.keyframes[at].scene:
                return keyframe.index - 1
        return later[-1].index if len(later) == count else float("inf")

    def _position(self, index: int) -> int:
        return bisect_left(self.keyframes, index, key=lambda keyframe: keyframe.index)

    def forget(self, index: int) -> None:
        """Drop what no frame from `index` on can need."""
        cut = max((i for i, k in enumerate(self.keyframes) if k.index <= index), default=0)
        for keyframe in self.keyframes[: max(0, cut - 1)]:
            self._taken.difference_update(keyframe.candidates)
        del self.keyframes[: max(0, cut - 1)]
        if not self.keyframes:
            return
        oldest = self.keyframes[0].index
        self.tracks = [
            t for t in self.tracks if t.misses <= MAX_MISSES or t.sightings[-1].index >= oldest
        ]
        for track in self.tracks:
            while len(track.sightings) > 3 and track.sightings[2].index < oldest:
                del track.sightings[0]

    def _starts_track(self, sighting: Sighting) -> bool:
        return (
            sighting.class_id in self._hidden
            and sighting.score >= self._birth_scores[sighting.class_id]
        )

    def _unclaimed(self, keyframe: Keyframe) -> list[Sighting]:
        """Candidates that no track has, duplicates of those that a track has left out."""
        free = [c for c in keyframe.candidates if c not in self._taken]
        taken = [c for c in keyframe.candidates if c in self._taken]
        duplicate = iou(_bounds(free), _bounds(taken)).max(axis=1, initial=0) > _MIN_SAME_OBJECT_IOU
        return [c for c, twice in zip(free, duplicate, strict=True) if not twice]

    @staticmethod
    def _match(tracks: list[Track], candidates: list[Sighting]) -> list[tuple[Track, Sighting]]:
        if not tracks or not candidates:
            return []
        index = candidates[0].index
        expected = np.stack([t.predicted(index) for t in tracks])
        costs = _costs(expected, np.array([t.class_id for t in tracks]), candidates)
        return [(tracks[row], candidates[column]) for row, column in _assign(costs)]

    def _follow(self, tracks: list[Track], candidates: list[Sighting]) -> None:
        for track, sighting in self._match(tracks, candidates):
            track.sightings.append(sighting)
            track.misses = 0
            self._taken.add(sighting)
            if sighting.class_id != track.class_id and self._starts_track(sighting):
                track.also.add(sighting.class_id)

    def _start_track(self, sighting: Sighting) -> None:
        self.born += 1
        track = Track(self.born, sighting.class_id, [sighting])
        self.tracks.append(track)
        self._taken.add(sighting)
        for keyframe in self.keyframes[-2 : -2 - MAX_LOOK_BACK : -1]:
            free = [c for c in keyframe.candidates if c not in self._taken]
            if not free or keyframe.scene != self.keyframes[-1].scene:
                return
            earliest = track.sightings[0].outline.bounds[None]
            costs = _costs(earliest, np.array([track.class_id]), free)[0]
            best = int(costs.argmin())
            overlap = iou(earliest.astype(np.float32), _bounds([free[best]]))[0, 0]
            if costs[best] > _MAX_BACK_COST or overlap < _MIN_BACK_IOU:
                return
            track.sightings.insert(0, free[best])
            self._taken.add(free[best])


def _bounds(sightings: list[Sighting]) -> npt.NDArray[np.float32]:
    return np.array([s.outline.bounds for s in sightings], np.float32).reshape(-1, 4)


def _costs(
    expected: npt.NDArray[np.float64],
    class_ids: npt.NDArray[np.int64],
    candidates: list[Sighting],
) -> npt.NDArray[np.float64]:
    """Cost of each candidate for each expected box [T, 4]: [T, C], `_IMPOSSIBLE` out of gate."""
    seen = np.stack([c.outline.bounds for c in candidates])
    sizes = np.sqrt(np.maximum((expected[:, 2:] - expected[:, :2]).prod(axis=1), 1.0))
    seen_sizes = np.sqrt(np.maximum((seen[:, 2:] - seen[:, :2]).prod(axis=1), 1.0))
    centres = (expected[:, :2] + expected[:, 2:]) / 2
    seen_centres = (seen[:, :2] + seen[:, 2:]) / 2
    distance = np.linalg.norm(centres[:, None] - seen_centres[None], axis=2) / sizes[:, None]
    ratio = np.abs(np.log(seen_sizes[None] / sizes[:, None]))
    other = class_ids[:, None] != np.array([c.class_id for c in candidates])[None]
    elsewhere = iou(expected.astype(np.float32), _bounds(candidates)) < _MIN_OTHER_IOU
    impossible = (
        (distance > _MAX_DISTANCE) | (ratio > np.log(_MAX_SIZE_RATIO)) | (other & elsewhere)
    )
    return np.where(impossible, _IMPOSSIBLE, distance + 0.5 * ratio + _OTHER_CLASS * other)


def _assign(costs: npt.NDArray[np.float64]) -> list[tuple[int, int]]:
    """The cheapest matching, without the pairs that the gates rule out."""
    if costs.size == 1:  # one object is the common case, and SciPy takes 0.2 s to import
        return [(0, 0)] if costs[0, 0] < _IMPOSSIBLE else []
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415

    rows, columns = linear_sum_assignment(costs)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return [(row, column) for row, column in pairs if costs[row, column] < _IMPOSSIBLE]
