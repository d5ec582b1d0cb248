"""The images that a distillation learns from and is measured on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from distill.data.coco import CocoDataset
from distill.data.next_readable import next_readable
from distill.finetune.sources import check_apart, check_shows

if TYPE_CHECKING:
    from distill.data.record import ImageRecord
    from distill.settings.kinds import Source
    from distill.student.config import DistillConfig


@dataclass(frozen=True)
class TrainingImages:
    """Everything of `config.data`, with class ids as in `config.student.classes`.

    Attributes:
        labelled: by people.
        pseudo: by the teacher.
        val: held out.
        problems: one line for each record that was left out.
    """

    labelled: tuple[ImageRecord, ...]
    pseudo: tuple[ImageRecord, ...]
    val: CocoDataset
    problems: tuple[str, ...]


def read_images(config: DistillConfig) -> TrainingImages:
    """Read all annotation files.

    Raises:
        InputError: one can't be used, an image is both learned from and measured on, or there
            is nothing to measure on, or none of that can be read.
    """
    classes = config.student.classes

    def read(source: Source) -> CocoDataset:
        names = [source.names.get(name, name) for name in classes]
        return CocoDataset.read(source.annotations, source.images, names)

    labelled, pseudo = (
        [read(source) for source in part] for part in (config.data.labelled, config.data.pseudo)
    )
    val = replace(read(config.data.val), classes=classes)
    learned = [record for dataset in (*labelled, *pseudo) for record in dataset.images]
    check_apart(learned, val.images)
    check_shows(config.data.val.annotations, val)
    count = len(val.images)  # each may be left out, but not all
    next_readable(lambda number: val.images[number].read(), 0, count, lambda _: None, most=count)
    return TrainingImages(
        tuple(record for dataset in labelled for record in dataset.images),
        tuple(record for dataset in pseudo for record in dataset.images),
        val,
        tuple(line for dataset in (*labelled, *pseudo, val) for line in dataset.problems),
    )
