"""Metrics: how good a network is on a data set, and the one name of each figure in JSON.

Every file that holds figures spells them so: metrics.json of `evaluate`, val.json of `distill`,
metrics.jsonl of `finetune`, ladder.json of `ladder`, sweep.json, and a bundle's manifest (there
with `teacher_` or `control_` in front where they are another network's). In the row of a class
they are of that class alone. All are shares of 1 where no unit is named; null means that there
was nothing to measure.

=================  ================================================================================
images             how many were looked at
objects            how many there are to find, regions to ignore not counted
mask_map           average precision of masks, mean over IoU 0.50, 0.55, ... 0.95 and over classes
mask_map50         the same at IoU 0.50; mask_map75 at 0.75
mask_map_small     the same of objects under 32² px; mask_map_medium to 96², mask_map_large beyond
box_map ...        the same six of boxes
confidence         the working confidence: the least score that counts in the next six
precision          share of predictions that are right
recall             share of objects that are found
f1                 harmonic mean of both
right              objects that are found; wrong: predictions that are none; missed: the others
best_f1            the highest F1 at any confidence; best_confidence: which that is
threshold          score from which on objects of a class are hidden
margin             growth of what is hidden, share of the object's longer side
mask_grow          how far masks reach beyond their boxes in the next three alone, share of a side
pixel_leak         share of the objects' pixels that is not hidden
instance_leak      share of objects of which less than 95 % is hidden
over_redaction     share of the whole picture that is hidden in vain
milliseconds       an image, median, from image to instances, reading not counted
classes            a row for each class, by name
problems           images that could not be read, one line each
=================  ================================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distill.data.record import ImageRecord
    from distill.evaluate.average_precision import Quality
    from distill.evaluate.leak import Leaks
    from distill.evaluate.matching import Mistake
    from distill.evaluate.predictions import Kind
    from distill.evaluate.working_point import Scores, WorkingPoint


@dataclass(frozen=True)
class ImageResult:
    """What is wrong in one image."""

    record: ImageRecord
    mistakes: tuple[Mistake, ...]

    @property
    def weight(self) -> float:
        """How bad it is altogether."""
        return sum(mistake.weight for mistake in self.mistakes)


@dataclass(frozen=True)
class Evaluation:
    """How good a network is on a data set.

    Attributes:
        classes: names.
        objects: how many of each class there are to find, regions to ignore not counted.
        images: how many were looked at.
        box: average precision of boxes.
        mask: average precision of masks; None where the network gives none.
        working: precision, recall and F1 of the working confidence, on masks if there are any.
        best: the working point that F1 would choose; None where nothing was right.
        by_class: the working point of each class.
        scores: what `working` and `best` come from.
        leaks: what would show, and what would be hidden in vain.
        milliseconds: an image, median, from image to instances, reading not counted; NaN if
            there were too few images to warm up.
        results: images with mistakes at the working confidence, the worst first.
        problems: images that could not be read, one line each.
    """

    classes: tuple[str, ...]
    objects: tuple[int, ...]
    images: int
    box: Quality
    mask: Quality | None
    working: WorkingPoint
    best: WorkingPoint | None
    by_class: tuple[WorkingPoint, ...]
    scores: Scores
    leaks: Leaks
    milliseconds: float
    results: tuple[ImageResult, ...]
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Figures for programs, under the names above; null where there is nothing to measure."""
        return {
            "images": self.images,
            "objects": sum(self.objects),
            **_quality_json("mask", self.mask),
            **_quality_json("box", self.box),
            **_point_json(self.working),
            "best_f1": _figure(self.best.f1) if self.best else None,
            "best_confidence": _figure(self.best.confidence) if self.best else None,
            **self.leaks.to_json(),
            "milliseconds": _figure(self.milliseconds, 2),
            "classes": {
                name: {
                    "objects": self.objects[i],
                    "mask_map": _figure(self.mask.class_ap[i]) if self.mask else None,
                    "mask_map50": _figure(self.mask.class_ap50[i]) if self.mask else None,
                    "box_map": _figure(self.box.class_ap[i]),
                    "box_map50": _figure(self.box.class_ap50[i]),
                    **_point_json(self.by_class[i]),
                    "threshold": self.leaks.thresholds[i],
                    **self.leaks.by_class[i].to_json(),
                }
                for i, name in enumerate(self.classes)
            },
            "problems": list(self.problems),
        }


def _quality_json(kind: Kind, quality: Quality | None) -> dict[str, float | None]:
    names = {
        "map": "ap",
        "map50": "ap50",
        "map75": "ap75",
        "map_small": "small",
        "map_medium": "medium",
        "map_large": "large",
    }
    return {
        f"{kind}_{name}": _figure(getattr(quality, field)) if quality else None
        for name, field in names.items()
    }


def _point_json(point: WorkingPoint) -> dict[str, float | None]:
    return {
        "confidence": _figure(point.confidence),
        "precision": _figure(point.precision),
        "recall": _figure(point.recall),
        "f1": _figure(point.f1),
        "right": point.right,
        "wrong": point.wrong,
        "missed": point.missed,
    }


def _figure(value: float, digits: int = 4) -> float | None:
    return None if math.isnan(value) else round(value, digits)
