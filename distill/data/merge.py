"""Merge: several data sets become one; classes are told by name, images by their bytes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from distill.data.coco import CocoDataset
from distill.errors import InputError
from distill.files import reading, sha256_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from distill.data.record import Annotation, ImageRecord


@dataclass(frozen=True)
class Merged:
    """One data set of several.

    Attributes:
        dataset: all images, in the order of the sets; ids from 1, tracks of each set apart.
        repeated: images that an earlier set has, too, with the same objects; they are in it once.
        unlooked: by set, its place, the classes of others that nobody looked for in its images.
    """

    dataset: CocoDataset
    repeated: int
    unlooked: dict[int, tuple[str, ...]]


def merge(datasets: Sequence[CocoDataset]) -> Merged:
    """Put data sets together.

    Raises:
        InputError: an image is in two of them with different objects, or can't be read.
    """
    classes = tuple(dict.fromkeys(name for each in datasets for name in each.classes))
    images: list[ImageRecord] = []
    first_of: dict[str, ImageRecord] = {}
    next_track = 1
    repeated = 0
    for dataset, digests in zip(datasets, _digests(datasets), strict=True):
        new_class = [classes.index(name) for name in dataset.classes]
        tracks: dict[tuple[str | None, int], int] = {}
        before = len(images)
        for record in dataset.images:
            objects = []
            for annotation in record.annotations:
                track = annotation.track_id
                if track is not None:
                    track = tracks.setdefault((record.clip, track), next_track + len(tracks))
                objects.append(
                    replace(annotation, class_id=new_class[annotation.class_id], track_id=track)
                )
            digest = digests.get(record.id)
            moved = replace(record, id=len(images) + 1, annotations=tuple(objects))
            first = first_of.get(digest) if digest else None
            if first is None or first.id > before:  # one set may hold a picture twice
                images.append(moved)
                if digest:
                    first_of.setdefault(digest, moved)
                continue
            if _essence(first, classes) != _essence(moved, classes):
                raise InputError(
                    f"{record.path} is the same image as {first.path}, but other objects are "
                    "labelled in it; take it out of one of the data sets"
                )
            repeated += 1
        next_track += len(tracks)
    unlooked = {
        number: missing
        for number, dataset in enumerate(datasets)
        if (missing := tuple(name for name in classes if name not in dataset.classes))
    }
    problems = tuple(line for dataset in datasets for line in dataset.problems)
    info = {"description": "merged", "sources": [dict(dataset.info) for dataset in datasets]}
    return Merged(CocoDataset(classes, tuple(images), problems, info), repeated, unlooked)


def _digests(datasets: Sequence[CocoDataset]) -> list[dict[int, str]]:
    """By set, of image ids: the file's digest, where an image of another set has as many bytes."""
    sets_of: defaultdict[int, set[int]] = defaultdict(set)
    sizes: list[dict[int, int]] = []
    for number, dataset in enumerate(datasets):
        here = {record.id: _size(record.path) for record in dataset.images}
        sizes.append(here)
        for size in here.values():
            sets_of[size].add(number)
    return [
        {
            record.id: sha256_of(record.path)
            for record in dataset.images
            if len(sets_of[here[record.id]]) > 1
        }
        for dataset, here in zip(datasets, sizes, strict=True)
    ]


def _size(path: Path) -> int:
    with reading(path):
        return path.stat().st_size


def _essence(record: ImageRecord, classes: Sequence[str]) -> list[tuple[str, bool, str]]:
    """What makes two labels of one image the same."""

    def of(annotation: Annotation) -> tuple[str, bool, str]:
        return classes[annotation.class_id], annotation.ignore, annotation.rle.counts

    return sorted(map(of, record.annotations))
