"""Sources: the images that a run learns from and is measured on, read and counted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from distill.data.coco import CocoDataset
from distill.data.labelled_size import as_labelled
from distill.data.repeat_factors import balance_lines
from distill.errors import InputError
from distill.files import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from distill.data.coco import ImageRecord
    from distill.finetune.config import FinetuneConfig
    from distill.settings.kinds import Source


@dataclass(frozen=True)
class Sources:
    """Everything of `config.data`, with class ids as in `config.model.classes`.

    Attributes:
        own: the user's images.
        public: images of public datasets, those that show none of the classes only on request.
        val: what is measured on.
        problems: one line for each record that was left out.
        sha256: of all annotation files.
    """

    own: tuple[ImageRecord, ...]
    public: tuple[ImageRecord, ...]
    val: CocoDataset
    problems: tuple[str, ...]
    sha256: str

    def lines(self) -> list[str]:
        """How much there is, a line for each part."""
        parts = (("own", self.own), ("public", self.public), ("val", self.val.images))
        return [
            f"{name}: {len(records)} images, {_count(records, ignored=False)} objects, "
            f"{_count(records, ignored=True)} regions that don't count"
            for name, records in parts
        ]

    def balance_lines(self, config: FinetuneConfig) -> list[str]:
        """Which classes come up more often, a line each."""
        classes, threshold = config.model.classes, config.data.balance
        return [
            f"{name}: {line}"
            for name, records in (("own", self.own), ("public", self.public))
            for line in balance_lines(records, threshold, classes)
        ]


def read_sources(config: FinetuneConfig) -> Sources:
    """Read all annotation files.

    Raises:
        InputError: one can't be used, or images for a stage are missing, or an image is both
            learned from and measured on, or there is nothing to learn or to measure on.
    """
    data, classes = config.data, config.model.classes
    own = [read_source(source, classes) for source in data.own]
    public = [read_source(source, classes) for source in data.public]
    val = replace(read_source(data.val, classes), classes=classes)
    shown = tuple(
        record
        for dataset in public
        for record in dataset.images
        if data.public_empty or any(not annotation.ignore for annotation in record.annotations)
    )
    if public and not shown:
        raise InputError(
            f"{data.public[0].annotations}: none of its images shows {' or '.join(classes)}"
        )
    mine = tuple(record for dataset in own for record in dataset.images)
    check_apart((*mine, *shown), val.images)
    problems = [line for dataset in (*own, *public, val) for line in dataset.problems]
    mine, shown, measured = (unspoilt(part, problems) for part in (mine, shown, val.images))
    val = replace(val, images=measured)
    check_shows(data.val.annotations, val)
    shares = [stage.own_share for stage in config.stages]
    learned = (*(mine if max(shares) > 0 else ()), *(shown if min(shares) < 1 else ()))
    check_teaches(learned, classes)
    return Sources(mine, shown, val, tuple(problems), _sha256((*data.own, *data.public, data.val)))


def read_source(source: Source, classes: Sequence[str]) -> CocoDataset:
    """A file's images and objects, by the names that it has for these classes.

    Raises:
        InputError: it can't be used, or lacks a class.
    """
    names = [source.names.get(name, name) for name in classes]
    return CocoDataset.read(source.annotations, source.images, names)


def unspoilt(records: Sequence[ImageRecord], problems: list[str]) -> tuple[ImageRecord, ...]:
    """The images that still are those that were labelled, as far as their headers tell.

    Args:
        records: the images.
        problems: grows by a line for each of the others.

    Raises:
        InputError: there are only others.
    """
    kept, lines = as_labelled(records)
    if records and not kept:
        raise InputError(f"none of {len(records)} images can be used; the first: {lines[0]}")
    problems += lines
    return tuple(kept)


def check_apart(learned: Iterable[ImageRecord], measured: Iterable[ImageRecord]) -> None:
    """See that no image is both learned from and measured on.

    Raises:
        InputError: one is.
    """
    files = {record.path.resolve() for record in measured}
    both = [record.path for record in learned if record.path.resolve() in files]
    if both:
        raise InputError(
            f"{both[0]} and {len(both) - 1} more images are learned from and measured on; "
            "split by clip, and measure on images that the network never saw"
        )


def check_shows(path: Path, measured: CocoDataset) -> None:
    """See that there is something to measure on.

    Raises:
        InputError: the file has no object of these classes.
    """
    if not _count(measured.images, ignored=False):
        raise InputError(
            f"{path}: shows no {' or '.join(measured.classes)} to measure on; label some"
        )


def check_teaches(learned: Sequence[ImageRecord], classes: Sequence[str]) -> None:
    """See that there is something to learn.

    Raises:
        InputError: no image has an object of these classes.
    """
    if not _count(learned, ignored=False):
        regions = _count(learned, ignored=True)
        raise InputError(
            f"none of {len(learned)} images to learn from shows a {' or '.join(classes)} "
            f"({regions} regions don't count); label some"
        )


def _sha256(sources: Sequence[Source]) -> str:
    digests = [sha256_of(source.annotations) for source in sources]
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def _count(records: Sequence[ImageRecord], *, ignored: bool) -> int:
    return sum(
        annotation.ignore == ignored for record in records for annotation in record.annotations
    )
