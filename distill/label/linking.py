"""Linking: which detections in successive frames are one object.

Two stages, as in ByteTrack (Zhang et al., ECCV 2022): what the teacher is sure of is matched
first, then what it doubts may go on with a track that is left over, but begins none. Boxes are
moved on at constant velocity and enlarged, as in C-BIoU (Yang et al., WACV 2023), so that small
fast things meet; masks tell apart what has the same box.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from distill.data import rle as run_length
from models import boxes as box_geometry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distill.label.detection import Detection
    from distill.label.labelled_frame import LabelledFrame

    Floats = npt.NDArray[np.float64]
    Pixels = npt.NDArray[np.uint8]

_GROW = 0.25
"""Of a box's width and height, at each side; chosen, not measured (C-BIoU takes 0.3 and 0.5)."""
_MIN_SURE, _MIN_DOUBTED = 0.15, 0.3
"""Similarity below which two detections are not one object, in the two stages; chosen, not
measured."""
_MIN_TOUCHING = 0.1
"""Overlap of enlarged boxes below which masks are not looked at; chosen, not measured."""
_FURTHER = 3
"""Times the longest gap of a track; after that, what appears is taken for something new.
Chosen, not measured."""
_STEADY = 0.5
"""Weight of the latest step in a track's velocity; chosen, not measured."""


@dataclass(eq=False)
class Tracklet:
    """One object, as far as it was followed.

    Attributes:
        class_id: of all its detections.
        detections: by position among the frames that were linked.
    """

    class_id: int
    detections: dict[int, Detection] = field(default_factory=dict)
    _velocity: Floats = field(default_factory=lambda: np.zeros(2))
    _latest: int = 0
    _time: int = 0
    _mask: Pixels | None = None

    @property
    def latest(self) -> Detection:
        """The last detection."""
        return self.detections[self._latest]

    @property
    def latest_mask(self) -> Pixels:
        """Its mask, unfolded once."""
        if self._mask is None:
            self._mask = cropped(self.latest)
        return self._mask

    def missed(self, position: int) -> int:
        """Frames before `position` in which it was not seen any more."""
        return position - self._latest - 1

    def shift(self, time: int) -> Floats:
        """How far it should have moved since it was last seen: x, y in pixels."""
        return self._velocity * (time - self._time)

    def add(self, position: int, time: int, detection: Detection) -> None:
        """It was seen again, in frame `time` of the clip."""
        if self.detections:
            step = (_middle(detection.box) - _middle(self.latest.box)) / (time - self._time)
            weight = _STEADY if len(self.detections) > 1 else 1.0
            self._velocity = (1 - weight) * self._velocity + weight * step
        self.detections[position] = detection
        self._latest, self._time, self._mask = position, time, None


def link(
    frames: Sequence[LabelledFrame], *, sure: float, begin: float, max_gap: int
) -> tuple[list[Tracklet], list[tuple[int, Detection]]]:
    """Follow objects through frames without a cut among them.

    Args:
        frames: in order, all of one size.
        sure: the score of the first stage.
        begin: the lowest score that begins a track.
        max_gap: frames in a row that a track may miss.

    Returns:
        Tracks in the order in which they begin, and what belongs to none: position and detection.
    """
    finished: list[Tracklet] = []
    alive: list[Tracklet] = []
    loose: list[tuple[int, Detection]] = []
    for position, frame in enumerate(frames):
        open_tracks: list[Tracklet] = []
        for track in alive:
            (finished if track.missed(position) > max_gap else open_tracks).append(track)
        alive, free = open_tracks, list(open_tracks)
        first = [s for s in frame.detections if s.score >= sure]
        second = [s for s in frame.detections if s.score < sure]
        for detections, least in ((first, _MIN_SURE), (second, _MIN_DOUBTED)):
            pairs = _matched(free, detections, frame.index, least)
            taken = set()
            for row, column in pairs:
                free[row].add(position, frame.index, detections[column])
                taken.add(column)
            rows = {row for row, _ in pairs}
            free = [track for row, track in enumerate(free) if row not in rows]
            for column, detection in enumerate(detections):
                if column in taken:
                    continue
                if detection.score >= begin:
                    track = Tracklet(detection.class_id)
                    track.add(position, frame.index, detection)
                    alive.append(track)
                else:
                    loose.append((position, detection))
    finished += alive
    finished.sort(key=lambda track: min(track.detections))
    return finished, loose


def bridges(
    tracks: Sequence[Tracklet], frames: Sequence[LabelledFrame], max_gap: int
) -> list[Tracklet]:
    """Gaps that are too long for a track, with what may be one object on both sides.

    Args:
        tracks: what `link` has found.
        frames: the same as there.
        max_gap: the same as there; the gaps are longer, and no more than three times as long.

    Returns:
        A track of two detections for each gap: the last one before it and the first one after.
    """
    found = []
    for later in tracks:
        start = min(later.detections)
        first, best, nearest = later.detections[start], _MIN_SURE, None
        for track in tracks:
            if not max_gap < track.missed(start) <= _FURTHER * max_gap:
                continue
            end = max(track.detections)
            # It may have gone on, or have waited where it was.
            for time in (frames[start].index, frames[end].index):
                alike = float(_similarity([track], [first], time)[0, 0])
                if alike >= best:
                    best = alike
                    nearest = Tracklet(track.class_id, {end: track.latest, start: first})
        if nearest:
            found.append(nearest)
    return found


def _matched(
    tracks: Sequence[Tracklet], detections: Sequence[Detection], time: int, least: float
) -> list[tuple[int, int]]:
    """Pairs of track and detection that are most alike in all."""
    if not tracks or not detections:
        return []
    alike = _similarity(tracks, detections, time)
    rows, columns = linear_sum_assignment(alike, maximize=True)
    return [
        (row, column)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        if alike[row, column] >= least
    ]


def _similarity(tracks: Sequence[Tracklet], detections: Sequence[Detection], time: int) -> Floats:
    """Mean overlap of enlarged boxes and of masks [tracks, detections]; 0 for other classes."""
    shifts = [track.shift(time) for track in tracks]
    there = np.array(
        [np.add(t.latest.box, np.tile(s, 2)) for t, s in zip(tracks, shifts, strict=True)]
    )
    here = np.array([detection.box for detection in detections])
    table = box_geometry.iou(_grown(there), _grown(here)).astype(np.float64)
    same = np.array([[t.class_id == s.class_id for s in detections] for t in tracks])
    table[~same | (table < _MIN_TOUCHING)] = 0
    masks: dict[int, Pixels] = {}
    for row, column in np.argwhere(table).tolist():
        if column not in masks:
            masks[column] = cropped(detections[column])
        shared = _mask_iou(tracks[row], shifts[row], masks[column], detections[column].box)
        table[row, column] = (table[row, column] + shared) / 2
    return table


def _grown(boxes: Floats) -> npt.NDArray[np.float32]:
    out = _GROW * (boxes[:, 2:] - boxes[:, :2])
    return np.concatenate([boxes[:, :2] - out, boxes[:, 2:] + out], axis=1).astype(np.float32)


def _mask_iou(track: Tracklet, shift: Floats, b: Pixels, box: Sequence[float]) -> float:
    """Overlap of a track's mask, moved by whole pixels, and of one within `box`."""
    a = track.latest_mask
    ax, ay = (int(track.latest.box[i]) + round(float(shift[i])) for i in range(2))
    bx, by = map(int, box[:2])
    x0, y0 = max(ax, bx), max(ay, by)
    x1 = min(ax + a.shape[1], bx + b.shape[1])
    y1 = min(ay + a.shape[0], by + b.shape[0])
    if x1 <= x0 or y1 <= y0:
        return 0.0
    both = a[y0 - ay : y1 - ay, x0 - ax : x1 - ax] & b[y0 - by : y1 - by, x0 - bx : x1 - bx]
    shared = int(both.sum())
    return shared / (int(a.sum()) + int(b.sum()) - shared)


def cropped(detection: Detection) -> Pixels:
    """A mask 0 or 1 within its box; nothing else of the image is unfolded."""
    x0, y0, x1, y1 = map(int, detection.box)
    height = detection.rle.size[0]
    ends = np.cumsum(run_length.runs(detection.rle.counts))
    ends = np.clip(ends - x0 * height, 0, (x1 - x0) * height)
    lengths = np.diff(np.concatenate(([0], ends)))
    line = np.repeat(np.arange(len(lengths), dtype=np.uint8) % 2, lengths)
    return line.reshape(x1 - x0, height).T[y0:y1]


def _middle(box: Sequence[float]) -> Floats:
    return np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
