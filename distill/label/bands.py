"""Bands: which labels are believed, which a person should look at, which are worth neither.

accept   a positive
review   a person should say; until then neither positive nor negative
ignore   neither positive nor negative, and not worth a look
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from distill.data import rle as run_length
from distill.data.record import Annotation
from distill.label.linking import bridges, link
from distill.label.temporal import fill, is_long

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from distill.data.rle import Rle
    from distill.label.detection import Detection
    from distill.label.entries import Moment
    from distill.label.labelled_frame import LabelledFrame
    from distill.label.settings import Settings

ACCEPT, REVIEW, IGNORE = BANDS = "accept", "review", "ignore"

_EXPLAINED = 0.7
"""A doubted mask of which this share lies in an accepted one of its class is a part of that.
Chosen, not measured."""


def annotate(
    frames: Sequence[LabelledFrame], moments: Sequence[Moment], settings: Settings, first_track: int
) -> tuple[list[list[Annotation]], int]:
    """What is in each labelled frame of a clip.

    Args:
        frames: of the clip, in order.
        moments: where each of them stands.
        settings: thresholds.
        first_track: the number of the clip's first track.

    Returns:
        Annotations of each frame, and the number of the next clip's first track.
    """
    found: list[list[Annotation]] = [[] for _ in frames]
    number = first_track
    for start, end in _scenes(moments):
        part = frames[start:end]
        times_seen = [moment.times_seen for moment in moments[start:end]]
        tracks, loose = link(
            part, sure=settings.accept, begin=settings.ignore, max_gap=settings.max_gap
        )
        for track in tracks:
            if not is_long(track, times_seen, settings.min_track):
                loose += track.detections.items()
                continue
            for position, detection in track.detections.items():
                found[start + position].append(_judged(detection, settings, number))
            for position, mask in fill(track, part):
                found[start + position].append(_filled(track.class_id, mask, REVIEW, number))
            number += 1
        for bridge in bridges(tracks, part, settings.max_gap):
            for position, mask in fill(bridge, part):
                found[start + position].append(_filled(bridge.class_id, mask, IGNORE, None))
        for position, detection in loose:
            found[start + position].append(_annotation(detection, IGNORE, None))
    return [_in_order(_unexplained(annotations)) for annotations in found], number


def annotate_still(frame: LabelledFrame, settings: Settings) -> list[Annotation]:
    """What is in an image that belongs to no clip: its score alone decides."""
    found = [_judged(one, settings, None) for one in frame.detections]
    return _in_order(_unexplained(found))


def band_of(score: float, settings: Settings) -> str:
    """The band of a label that its track, if it can have one, does not speak against."""
    if score >= settings.accept:
        return ACCEPT
    return REVIEW if score >= settings.ignore else IGNORE


def _scenes(moments: Sequence[Moment]) -> Iterator[tuple[int, int]]:
    """First and last position of the frames between two cuts, the last not included."""
    start = 0
    for _, scene in groupby(moments, key=lambda moment: moment.segment):
        end = start + len(list(scene))
        yield start, end
        start = end


def _judged(detection: Detection, settings: Settings, track_id: int | None) -> Annotation:
    band = band_of(detection.score, settings)
    if band == ACCEPT and not detection.placed:
        band = REVIEW  # a box is no mask to learn from
    return _annotation(detection, band, track_id)


def _annotation(detection: Detection, band: str, track_id: int | None) -> Annotation:
    return Annotation(
        detection.class_id,
        detection.box,
        detection.rle,
        ignore=band != ACCEPT,
        score=detection.score,
        track_id=track_id,
        band=band,
    )


def _filled(class_id: int, mask: Rle, band: str, track_id: int | None) -> Annotation:
    """A gap that was filled has no score: the teacher saw nothing, perhaps for a good reason."""
    return Annotation(
        class_id, run_length.box(mask), mask, ignore=True, track_id=track_id, band=band
    )


def _unexplained(annotations: list[Annotation]) -> list[Annotation]:
    """Without what is to be ignored and lies in something accepted, which would hide that."""
    accepted = [one for one in annotations if one.band == ACCEPT]
    kept = []
    for one in annotations:
        if one.band == IGNORE:
            same = [other.rle for other in accepted if other.class_id == one.class_id]
            shares = run_length.overlaps([one.rle], same, [True] * len(same))
            if shares.size and shares.max() >= _EXPLAINED:
                continue
        kept.append(one)
    return kept


def _in_order(annotations: list[Annotation]) -> list[Annotation]:
    """By track, then by score: the same each time, and the same object at the same place."""
    return sorted(
        annotations,
        key=lambda one: (
            one.track_id is None,
            one.track_id or 0,
            -(one.score or 0.0),
            one.box,
        ),
    )
