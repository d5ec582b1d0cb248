"""Matching: which candidate each track goes on with, cheapest for all of them together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from agent.track.assignment import cheapest_pairs
from models.boxes import iou

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.frames.sighting import Sighting
    from agent.track.track import Track
    from models.outline import Bounds

# Gates and costs, tuned on six DAVIS-2016 sequences.
_MAX_DISTANCE = 1.0  # of centres, in square roots of the track's area
_MAX_SIZE_RATIO = 2.2
_OTHER_CLASS = 0.5  # cost of a change of class, in the same unit as the distance
_MIN_OTHER_IOU = 0.3  # of a detection of another class, or a bench takes over a person's track
_MAX_BACK_COST, _MIN_BACK_IOU = 0.8, 0.2  # a look back is a guess: stricter than following
_MIN_SAME_OBJECT_IOU = 0.8
_IMPOSSIBLE = 1e3


def matched(
    tracks: Sequence[Track], candidates: Sequence[Sighting]
) -> list[tuple[Track, Sighting]]:
    """Pairs of one keyframe's candidates with the tracks that they may carry on."""
    if not tracks or not candidates:
        return []
    class_ids = np.array([track.class_id for track in tracks])
    expected = np.stack([track.predicted(candidates[0].time_s) for track in tracks])
    costs = _costs(expected, class_ids, candidates)
    once = [row for row, track in enumerate(tracks) if len(track.sightings) == 1]
    if once:  # nobody knows yet whether the camera, where it moves, follows them
        alike = np.stack([_in_frame(tracks[row], candidates[0]) for row in once])
        costs[once] = np.minimum(costs[once], _costs(alike, class_ids[once], candidates))
    pairs = cheapest_pairs(costs, costs < _IMPOSSIBLE)
    return [(tracks[row], candidates[column]) for row, column in pairs]


def _in_frame(track: Track, seen: Sighting) -> Bounds:
    """Where a track would be, in the scene, had it not moved in the frame."""
    return track.sightings[-1].in_frame - np.concatenate((seen.scene_at, seen.scene_at))


def earlier_sighting(track: Track, candidates: Sequence[Sighting]) -> Sighting | None:
    """Which candidate of the keyframe before its first sighting a track began with."""
    if not candidates:
        return None
    first = track.sightings[0].outline.bounds[None]
    costs = _costs(first, np.array([track.class_id]), candidates)[0]
    best = int(costs.argmin())
    overlap = iou(first.astype(np.float32), bounds_of([candidates[best]]))[0, 0]
    possible = costs[best] <= _MAX_BACK_COST and overlap >= _MIN_BACK_IOU
    return candidates[best] if possible else None


def without_duplicates(free: Sequence[Sighting], taken: Sequence[Sighting]) -> list[Sighting]:
    """Those of `free` that are not a second detection of what is `taken`."""
    overlap = iou(bounds_of(free), bounds_of(taken)).max(axis=1, initial=0)
    return [c for c, same in zip(free, overlap, strict=True) if same <= _MIN_SAME_OBJECT_IOU]


def bounds_of(sightings: Sequence[Sighting]) -> npt.NDArray[np.float32]:
    """Their boxes in the scene, float32 [N, 4]."""
    return np.array([s.outline.bounds for s in sightings], np.float32).reshape(-1, 4)


def _costs(
    expected: npt.NDArray[np.float64],
    class_ids: npt.NDArray[np.int64],
    candidates: Sequence[Sighting],
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
    elsewhere = iou(expected.astype(np.float32), bounds_of(candidates)) < _MIN_OTHER_IOU
    impossible = (
        (distance > _MAX_DISTANCE) | (ratio > np.log(_MAX_SIZE_RATIO)) | (other & elsewhere)
    )
    return np.where(impossible, _IMPOSSIBLE, distance + 0.5 * ratio + _OTHER_CLASS * other)
