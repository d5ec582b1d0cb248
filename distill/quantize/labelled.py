"""Labelled: what a file makes of images whose objects are known, image by image.

Figures are those of `distill.evaluate`, kept so that images can be drawn anew: average precision
as COCO counts it, F1 at the confidence, what leaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from distill.evaluate.average_precision import RECALLS
from distill.evaluate.leak import LeakCounter
from distill.evaluate.predictions import overlaps, predictions_of
from distill.quantize.resampling import ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distill.data.record import ImageRecord
    from distill.evaluate.leak import Leak
    from distill.evaluate.predictions import Kind
    from distill.quantize.resampling import Measure
    from models.instances import Instances

    Floats = npt.NDArray[np.float64]
    States = npt.NDArray[np.int8]

_IOUS = np.linspace(0.5, 0.95, 10)
"""COCO's thresholds; at the first F1 is counted, too."""

_MOST = 100
"""Predictions of a class that COCO looks at in an image."""

_WRONG, _RIGHT, _IGNORED = 0, 1, -1


@dataclass(frozen=True)
class LabelledImage:
    """What became of one image.

    Attributes:
        scores: by class, of its predictions, falling.
        states: by class, [10, predictions]: right, wrong or not counted at each of COCO's IoUs.
        objects: by class, how many there are to find.
        leak: what shows and what is hidden in vain.
    """

    scores: dict[int, Floats]
    states: dict[int, States]
    objects: dict[int, int]
    leak: Leak

    def outcome(self, confidence: float) -> tuple[int, int, int]:
        """Objects that were found, predictions that are none, objects that were missed."""
        sure = [self.states[i][0][self.scores[i] >= confidence] for i in self.scores]
        right = sum(int((states == _RIGHT).sum()) for states in sure)
        wrong = sum(int((states == _WRONG).sum()) for states in sure)
        return right, wrong, sum(self.objects.values()) - right


def labelled_image(
    found: Instances, record: ImageRecord, classes: int, confidence: float
) -> LabelledImage:
    """Compare what was seen with what is there.

    Args:
        found: all that scores `distill.evaluate.evaluator.MIN_SCORE` or more, by the data set's
            class ids.
        record: what is true.
        classes: how many the data set has.
        confidence: from which on objects are hidden.
    """
    predictions = predictions_of(found, record)
    scores: dict[int, Floats] = {}
    states: dict[int, States] = {}
    objects: dict[int, int] = {}
    for truth in record.annotations:
        objects[truth.class_id] = objects.get(truth.class_id, 0) + (not truth.ignore)
    kind: Kind = "box" if found.masks is None else "mask"
    for class_id in {prediction.class_id for prediction in predictions}:
        ours = [one for one in predictions if one.class_id == class_id][:_MOST]
        theirs = [truth for truth in record.annotations if truth.class_id == class_id]
        scores[class_id] = np.array([one.score for one in ours])
        ignored = np.array([truth.ignore for truth in theirs], np.bool_)
        states[class_id] = _states(overlaps(ours, theirs, kind), ignored)
    hiding = found.take(np.flatnonzero(found.scores >= confidence))
    counter = LeakCounter([confidence] * classes)
    counter.add(hiding, record)
    return LabelledImage(scores, states, objects, counter.together())


def _states(table: Floats, ignored: npt.NDArray[np.bool_]) -> States:
    """What becomes of predictions, best first, at each IoU, as `distill.evaluate.matching` has it.

    Args:
        table: overlaps [predictions, objects].
        ignored: which of the objects are regions to ignore.

    Returns:
        [10, predictions].
    """
    states = np.full((len(_IOUS), len(table)), _WRONG, np.int8)
    for row, least in zip(states, _IOUS, strict=True):
        free = ~ignored
        for i, overlap in enumerate(table):
            open_to = np.where(free, overlap, 0.0)
            if len(open_to) and open_to.max() >= least:
                free[int(open_to.argmax())] = False
                row[i] = _RIGHT
            elif (overlap[ignored] >= least).any():
                row[i] = _IGNORED
    return states


def f1(images: Sequence[LabelledImage], confidence: float) -> Measure:
    """F1 at the confidence."""
    right, wrong, missed = np.array([image.outcome(confidence) for image in images]).T
    return ratio(2 * right, 2 * right + wrong + missed)


def pixel_leak(images: Sequence[LabelledImage]) -> Measure:
    """Share of the objects' pixels that shows."""
    return ratio([one.leak.shown for one in images], [one.leak.pixels for one in images])


def over_redaction(images: Sequence[LabelledImage]) -> Measure:
    """Share of the whole picture that is hidden in vain."""
    return ratio([one.leak.over for one in images], [one.leak.picture for one in images])


def average_precision(images: Sequence[LabelledImage]) -> Measure:
    """Mean over classes and over IoU 0.50, 0.55, ... 0.95."""
    known = sorted({i for one in images for i, count in one.objects.items() if count})
    by_class = [_ClassPrecision(images, class_id) for class_id in known]

    def measure(weights: Floats) -> Floats:
        table = np.array([one.measure(weights) for one in by_class])  # NaN: no object was drawn
        counted = ~np.isnan(table)
        sums = np.where(counted, table, 0.0).sum(axis=0)
        return np.asarray(sums / np.where(counted.any(axis=0), counted.sum(axis=0), np.nan))

    return measure if by_class else lambda weights: np.full(len(weights), np.nan)


class _ClassPrecision:
    """Average precision of one class, over COCO's IoUs."""

    def __init__(self, images: Sequence[LabelledImage], class_id: int) -> None:
        self._objects = np.array([one.objects.get(class_id, 0) for one in images], np.float64)
        seen = [(number, one) for number, one in enumerate(images) if class_id in one.scores]
        scores = np.concatenate([np.empty(0), *(one.scores[class_id] for _, one in seen)])
        order = np.argsort(-scores, kind="stable")
        self._image = np.concatenate(
            [np.empty(0, np.int64), *(np.full(len(one.scores[class_id]), i) for i, one in seen)]
        )[order]
        nothing = np.empty((len(_IOUS), 0), np.int8)
        states = [one.states[class_id] for _, one in seen]
        self._states = np.concatenate([nothing, *states], axis=1)[:, order]

    def measure(self, weights: Floats) -> Floats:
        """[draws]; NaN in draws without an object of the class."""
        objects = weights @ self._objects
        counts = weights[:, self._image]
        areas = [_areas(counts, states, objects) for states in self._states]
        return np.where(objects > 0, np.mean(areas, axis=0), np.nan)


def _areas(counts: Floats, states: States, objects: Floats) -> Floats:
    """The mean of the precision at COCO's recalls, each the best at that recall or beyond.

    Args:
        counts: how often each prediction counts [draws, predictions], best score first.
        states: of the predictions.
        objects: how many there are to find [draws].
    """
    found = np.flatnonzero(states == _RIGHT)
    if not len(found):
        return np.zeros(len(counts))
    # Only where something is found can the recall rise, and the precision be the best beyond.
    right = np.cumsum(counts[:, found], axis=1)
    wrong = np.cumsum(counts * (states == _WRONG), axis=1)[:, found]
    precision = right / np.maximum(right + wrong, 1)
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = right / np.maximum(objects, 1)[:, None]
    reached = np.searchsorted(RECALLS, recall, side="right")
    new = np.diff(reached, axis=1, prepend=0)
    return np.asarray((new * best).sum(axis=1) / len(RECALLS))
