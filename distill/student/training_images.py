"""The images that a distillation learns from and is measured on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from distill.data.next_readable import next_readable
from distill.finetune.sources import (
    check_apart,
    check_shows,
    check_teaches,
    read_source,
    unspoilt,
)

if TYPE_CHECKING:
    from distill.data.coco import CocoDataset
    from distill.data.record import ImageRecord
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
            is nothing to learn or to measure on, or none of that can be read.
    """
    classes, data = config.student.classes, config.data
    parts = [[read_source(one, classes) for one in part] for part in (data.labelled, data.pseudo)]
    val = replace(read_source(data.val, classes), classes=classes)
    problems = [line for dataset in (*parts[0], *parts[1], val) for line in dataset.problems]
    labelled, pseudo = (
        tuple(record for dataset in part for record in dataset.images) for part in parts
    )
    check_apart((*labelled, *pseudo), val.images)
    labelled, pseudo, held_out = (
        unspoilt(part, problems) for part in (labelled, pseudo, val.images)
    )
    val = replace(val, images=held_out)
    check_shows(data.val.annotations, val)
    share = data.labelled_share
    learned = (
        *(labelled if share > 0 or not pseudo else ()),
        *(pseudo if share < 1 or not labelled else ()),
    )
    check_teaches(learned, classes)
    count = len(val.images)  # each may be left out, but not all
    next_readable(lambda number: val.images[number].read(), 0, count, lambda _: None, most=count)
    return TrainingImages(labelled, pseudo, val, tuple(problems))
