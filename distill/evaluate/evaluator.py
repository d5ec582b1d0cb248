"""Evaluator: asks a network about a whole data set and counts.

Usable between two epochs: no files, one pass over the images.
"""

from __future__ import annotations

import time
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from distill.errors import InputError
from distill.evaluate.average_precision import quality
from distill.evaluate.cover import MARGIN
from distill.evaluate.leak import LeakCounter
from distill.evaluate.matching import match, mistakes, outcome
from distill.evaluate.metrics import Evaluation, ImageResult
from distill.evaluate.predictions import predictions_of
from distill.evaluate.working_point import Scores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from distill.data.coco import CocoDataset
    from distill.data.images import Image
    from distill.data.record import ImageRecord
    from distill.evaluate.leak import Leaks
    from distill.evaluate.predictions import Kind, Prediction
    from models.instances import Instances

    Predict = Callable[[list[Image]], list[Instances]]
    Hear = Callable[[ImageRecord, Sequence[Prediction]], None]
    Progress = Callable[[Sequence[ImageRecord]], Iterable[ImageRecord]]

MIN_SCORE = 0.01
"""What `predict` should give at least: average precision needs the doubtful predictions, too.
Chosen, not measured."""

CONFIDENCE = 0.25
"""The working confidence where nobody says otherwise; Ultralytics' own."""

_NO_THRESHOLDS: Mapping[str, float] = MappingProxyType({})

_WARM_UP = 3
"""Calls that are not timed: caches fill, kernels are chosen. Chosen, not measured."""


def evaluate(
    predict: Predict,
    dataset: CocoDataset,
    *,
    conf: float = CONFIDENCE,
    thresholds: Mapping[str, float] = _NO_THRESHOLDS,
    margin: float = MARGIN,
    batch: int = 1,
    progress: Progress = iter,
    hear: Hear | None = None,
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
        progress: wraps the images, such as `distill.progress.progress`.
        hear: is told of each image what was found in it.

    Raises:
        InputError: no image can be read.
    """
    records: list[ImageRecord] = []
    predictions: list[tuple[Prediction, ...]] = []
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
            predictions.append(predictions_of(instances, record))
            if hear:
                hear(record, predictions[-1])
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
        dataset.classes, records, predictions, conf, leaks.leaks(), milliseconds, tuple(problems)
    )


def _judge(
    classes: tuple[str, ...],
    records: list[ImageRecord],
    predictions: list[tuple[Prediction, ...]],
    conf: float,
    leaks: Leaks,
    milliseconds: float,
    problems: tuple[str, ...],
) -> Evaluation:
    every = [prediction for of_image in predictions for prediction in of_image]
    masked = all(prediction.rle is not None for prediction in every)
    kind: Kind = "mask" if masked else "box"
    objects = [0] * len(classes)
    counted: list[tuple[int, float, bool]] = []
    results = []
    for record, of_image in zip(records, predictions, strict=True):
        for truth in record.annotations:
            objects[truth.class_id] += not truth.ignore
        matches = match(of_image, record.annotations, kind)
        counted += [
            (prediction.class_id, prediction.score, right)
            for prediction, right in zip(of_image, outcome(matches), strict=True)
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
        quality(classes, records, predictions, "box"),
        quality(classes, records, predictions, "mask") if masked else None,
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
