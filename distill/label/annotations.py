"""Annotations: COCO JSON of all images that are labelled, of both splits, of what is in review."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from distill.data.coco import ImageRecord, write_coco
from distill.data.kept_file import keep
from distill.files import sha256_of, writing
from distill.label.bands import REVIEW, annotate, annotate_still
from distill.label.entries import STILLS, ClipEntry, image_path, still_path
from distill.label.held_out import held_out
from distill.label.progress_log import MASTER
from distill.label.provenance import provenance
from models.part_file import sync

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from distill.data.record import Annotation
    from distill.label.progress_log import ProgressLog
    from distill.label.settings import Settings


@dataclass(frozen=True)
class LabelledClip:
    """One clip with its annotated images, in order; or all images that belong to none.

    Attributes:
        sources: digest of the file that each image is from.
        times_s: of each image, by the clip's clock.
        segments: scene cuts before each image.
    """

    entry: ClipEntry
    images: tuple[ImageRecord, ...]
    sources: tuple[str, ...]
    times_s: tuple[float, ...]
    segments: tuple[int, ...]


def labelled_clips(log: ProgressLog, settings: Settings) -> list[LabelledClip]:
    """What is finished, in the order in which it was begun, so that no id ever changes."""
    clips = []
    stills: dict[str, ImageRecord] = {}
    next_image, next_track = 1, 1
    for sha256 in log.order:
        still = log.stills.get(sha256)
        if still is not None:
            path, (height, width) = still_path(log.folder, still.name), still.frame.size
            found = tuple(annotate_still(still.frame, settings))
            stills[sha256] = ImageRecord(next_image, path, width, height, None, None, found)
            next_image += 1
            continue
        entry = log.clips.get(sha256)
        if entry is None or not entry.is_finished:
            continue
        clip, next_track = _labelled(entry, log.folder, settings, next_image, next_track)
        clips.append(clip)
        next_image += len(clip.images)
    if stills:
        several = ClipEntry(STILLS, f"{len(stills)} still images", "", seen=len(stills))
        none = (0,) * len(stills)
        clips.append(LabelledClip(several, tuple(stills.values()), tuple(stills), none, none))
    return clips


def _labelled(
    entry: ClipEntry, folder: Path, settings: Settings, next_image: int, next_track: int
) -> tuple[LabelledClip, int]:
    """A finished clip with its annotations, and the number of the next clip's first track."""
    moments = entry.moments or ()
    frames = [entry.frames[moment.index] for moment in moments]
    found, next_track = annotate(frames, moments, settings, next_track)
    images = tuple(
        ImageRecord(
            number,
            image_path(folder, entry, frame.index),
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
    return LabelledClip(
        entry,
        images,
        (entry.sha256,) * len(images),
        tuple(frame.time_s for frame in frames),
        tuple(moment.segment for moment in moments),
    ), next_track


def write_dataset(log: ProgressLog, settings: Settings, clips: Sequence[LabelledClip]) -> None:
    """Write all JSON files; annotations.json comes last and says that the others stand.

    Raises:
        OutputError: one can't be written.
    """
    folder = log.folder
    share = settings.val_share
    filmed = [clip.entry for clip in clips if clip.entry.sha256]
    out = held_out([entry.sha256 for entry in filmed], share) | held_out(list(log.stills), share)
    info = provenance(settings, filmed, out, log)
    images = [image for clip in clips for image in clip.images]
    val = folder / "val.json"
    if out:
        write_coco(val, settings.classes, _part(clips, out, chosen=True), info)
    elif val.exists():  # of a split by `labels split`, whose frames are in train.json again
        keep(val)
        with writing(val):
            val.unlink()
    write_coco(folder / "train.json", settings.classes, _part(clips, out, chosen=False), info)
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
        image
        for clip in clips
        for image, source in zip(clip.images, clip.sources, strict=True)
        if (source in out) == chosen
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
