"""Evaluation: a network's answers to a whole data set, in figures.

Usable between two epochs: no files, one pass over the images.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from distill.errors import InputError
from distill.evaluate.average_precision import quality
from distill.evaluate.cover import MARGIN
from distill.evaluate.leak import LeakCounter
from distill.evaluate.matching import match, mistakes, outcome
from distill.evaluate.predictions import answers_of
from distill.evaluate.working_point import Scores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from distill.data.coco import CocoDataset
    from distill.data.images import Image
    from distill.data.record import ImageRecord
    from distill.evaluate.average_precision import Quality
    from distill.evaluate.leak import Leaks
    from distill.evaluate.matching import Mistake
    from distill.evaluate.predictions import Answer, Kind
    from distill.evaluate.working_point import WorkingPoint
    from models.instances import Instances

    Predict = Callable[[list[Image]], list[Instances]]
    Progress = Callable[[Sequence[ImageRecord]], Iterable[ImageRecord]]

MIN_SCORE = 0.01
"""What `predict` should give at least: average precision needs the doubtful answers, too."""

CONFIDENCE = 0.25
"""The working confidence where nobody says otherwise."""

_NO_THRESHOLDS: Mapping[str, float] = MappingProxyType({})

_WARM_UP = 3
"""Calls that are not timed: caches fill, kernels are chosen."""


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
        """Figures for programs; null where there is nothing to measure."""
        return {
            "images": self.images,
            "objects": sum(self.objects),
            "mask": _quality_json(self.mask) if self.mask else None,
            "box": _quality_json(self.box),
            "working": _point_json(self.working),
            "best_f1": _point_json(self.best) if self.best else None,
            "leak": self.leaks.to_json(),
            "milliseconds": _figure(self.milliseconds, 2),
            "classes": {
                name: {
                    "objects": self.objects[i],
                    "mask_ap": _figure(self.mask.class_ap[i]) if self.mask else None,
                    "mask_ap50": _figure(self.mask.class_ap50[i]) if self.mask else None,
                    "box_ap": _figure(self.box.class_ap[i]),
                    "box_ap50": _figure(self.box.class_ap50[i]),
                    **_point_json(self.by_class[i]),
                    "threshold": self.leaks.thresholds[i],
                    **self.leaks.by_class[i].to_json(),
                }
                for i, name in enumerate(self.classes)
            },
            "problems": list(self.problems),
        }


def evaluate(
    predict: Predict,
    dataset: CocoDataset,
    *,
    conf: float = CONFIDENCE,
    thresholds: Mapping[str, float] = _NO_THRESHOLDS,
    margin: float = MARGIN,
    batch: int = 1,
    progress: Progress = iter,
) -> Evaluation:
    """Ask a network about every image and count.

    Args:
        predict: RGB images to instances, one each, whose classes are the data set's; it should
            give all that score `MIN_SCORE` or more.
        dataset: what is true.
        conf: the working confidence.
        thresholds: score by class name from which objects are hidden, for what leaks; where a
            class has none, it is `conf`.
        margin: growth of what is hidden, share of the object's longer side.
        batch: images a call. Speed is only comparable at 1.
        progress: wraps the images, such as `tqdm`.

    Raises:
        InputError: no image can be read.
    """
    records: list[ImageRecord] = []
    answers: list[tuple[Answer, ...]] = []
    problems: list[str] = []
    times: list[float] = []
    waiting: list[tuple[ImageRecord, Image]] = []
    leaks = LeakCounter([thresholds.get(name, conf) for name in dataset.classes], margin)

    def ask() -> None:
        began = time.perf_counter()
        found = predict([image for _, image in waiting])
        times.append((time.perf_counter() - began) / len(waiting) * 1000)
        for (record, _), instances in zip(waiting, found, strict=True):
            records.append(record)
            answers.append(answers_of(instances, record))
            leaks.add(instances, record)
        waiting.clear()

    for record in progress(dataset.images):
        try:
            waiting.append((record, record.read()))
        except InputError as error:
            problems.append(str(error))
        if len(waiting) == batch:
            ask()
    if waiting:
        ask()
    if not records:
        raise InputError(f"none of {len(problems)} images can be read; the first: {problems[0]}")
    timed = times[_WARM_UP:]
    milliseconds = float(np.median(timed)) if timed else float("nan")
    return _judge(
        dataset.classes, records, answers, conf, leaks.leaks(), milliseconds, tuple(problems)
    )


def _judge(
    classes: tuple[str, ...],
    records: list[ImageRecord],
    answers: list[tuple[Answer, ...]],
    conf: float,
    leaks: Leaks,
    milliseconds: float,
    problems: tuple[str, ...],
) -> Evaluation:
    every = [answer for of_image in answers for answer in of_image]
    masked = all(answer.rle is not None for answer in every)
    kind: Kind = "mask" if masked else "box"
    objects = [0] * len(classes)
    counted: list[tuple[int, float, bool]] = []
    results = []
    for record, of_image in zip(records, answers, strict=True):
        for truth in record.annotations:
            objects[truth.class_id] += not truth.ignore
        matches = match(of_image, record.annotations, kind)
        counted += [
            (answer.class_id, answer.score, right)
            for answer, right in zip(of_image, outcome(matches), strict=True)
            if right is not None
        ]
        wrong = mistakes(of_image, record.annotations, matches, conf, kind)
        if wrong:
            results.append(ImageResult(record, wrong))
    scores = _scores(counted, sum(objects))
    return Evaluation(
        classes,
        tuple(objects),
        len(records),
        quality(classes, records, answers, "box"),
        quality(classes, records, answers, "mask") if masked else None,
        scores.at(conf),
        scores.best(),
        tuple(
            _scores([row for row in counted if row[0] == i], objects[i]).at(conf)
            for i in range(len(classes))
        ),
        scores,
        leaks,
        milliseconds,
        tuple(sorted(results, key=lambda result: -result.weight)),
        problems,
    )


def _scores(counted: list[tuple[int, float, bool]], objects: int) -> Scores:
    return Scores.sorted([row[1] for row in counted], [row[2] for row in counted], objects)


def _quality_json(quality: Quality) -> dict[str, float | None]:
    names = ("ap", "ap50", "ap75", "small", "medium", "large")
    return {name: _figure(getattr(quality, name)) for name in names}


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
