"""Annotations: COCO JSON of all images that are labelled, of both splits, of what is in review."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from distill.data.coco import ImageRecord, write_coco
from distill.files import sha256_of, writing
from distill.label.bands import REVIEW, annotate
from distill.label.clip_labeller import image_path
from distill.label.progress_log import MASTER
from distill.label.provenance import provenance
from distill.label.split import held_out
from models.part_file import sync

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from distill.data.record import Annotation
    from distill.label.progress_log import ClipEntry, ProgressLog
    from distill.label.settings import Settings


@dataclass(frozen=True)
class LabelledClip:
    """One clip with its annotated images, in order.

    Attributes:
        times_s: of each image, by the clip's clock.
        segments: scene cuts before each image.
    """

    entry: ClipEntry
    images: tuple[ImageRecord, ...]
    times_s: tuple[float, ...]
    segments: tuple[int, ...]


def labelled_clips(log: ProgressLog, settings: Settings) -> list[LabelledClip]:
    """What is finished, in the order in which it was begun, so that no id ever changes."""
    clips = []
    next_image, next_track = 1, 1
    for entry in log.clips.values():
        if entry.moments is None or any(m.index not in entry.frames for m in entry.moments):
            continue
        frames = [entry.frames[moment.index] for moment in entry.moments]
        found, next_track = annotate(frames, entry.moments, settings, next_track)
        images = tuple(
            ImageRecord(
                number,
                image_path(log.folder, entry, frame.index),
                frame.size[1],
                frame.size[0],
                entry.name,
                frame.index,
                tuple(annotations),
            )
            for number, (frame, annotations) in enumerate(
                zip(frames, found, strict=True), start=next_image
            )
        )
        next_image += len(images)
        clips.append(
            LabelledClip(
                entry,
                images,
                tuple(frame.time_s for frame in frames),
                tuple(moment.segment for moment in entry.moments),
            )
        )
    return clips


def write_dataset(log: ProgressLog, settings: Settings, clips: Sequence[LabelledClip]) -> None:
    """Write all JSON files; annotations.json comes last and says that the others stand.

    Raises:
        OutputError: one can't be written.
    """
    folder = log.folder
    out = held_out([clip.entry.sha256 for clip in clips], settings.val_share)
    info = provenance(settings, [clip.entry for clip in clips], out, log)
    images = [image for clip in clips for image in clip.images]
    write_coco(folder / "train.json", settings.classes, _part(clips, out, chosen=False), info)
    if out:
        write_coco(folder / "val.json", settings.classes, _part(clips, out, chosen=True), info)
    doubted = [image for image in images if any(a.band == REVIEW for a in image.annotations)]
    if doubted:
        worst_first = sorted(doubted, key=lambda image: (-_doubt(image, settings), image.id))
        write_coco(folder / "review.json", settings.classes, worst_first, info)
    unseen = folder / f".{MASTER}.new"
    write_coco(unseen, settings.classes, images, info)
    log.write(sha256_of(unseen))
    with writing(folder / MASTER):
        unseen.replace(folder / MASTER)
        sync(folder)


def _part(
    clips: Sequence[LabelledClip], out: Collection[str], *, chosen: bool
) -> list[ImageRecord]:
    return [
        image for clip in clips if (clip.entry.sha256 in out) == chosen for image in clip.images
    ]


def _doubt(image: ImageRecord, settings: Settings) -> float:
    """How much there is to review: a gap that was filled counts 2, the rest 1 to 2."""
    return sum(
        2.0 if one.score is None else 1 + _distance(one, settings)
        for one in image.annotations
        if one.band == REVIEW
    )


def _distance(annotation: Annotation, settings: Settings) -> float:
    """How far a score is from being believed, 0 to 1."""
    assert annotation.score is not None  # noqa: S101  for the type checker
    width = settings.accept - settings.ignore
    return (settings.accept - annotation.score) / width if width else 0.0
