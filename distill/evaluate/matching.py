"""Matching: which prediction stands for which object, and what is wrong with the rest.

As COCO does it at one IoU: class by class, best score first, each prediction takes the free object
that it overlaps most; what lies in a region to ignore does not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from distill.evaluate.predictions import overlaps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distill.data.record import Annotation
    from distill.evaluate.predictions import Kind, Prediction

    Fault = Literal["background", "missed", "location", "class", "duplicate"]

MATCH_IOU = 0.5
"""A prediction that overlaps an object this much has found it, as in PASCAL VOC and for mAP50."""

_NEAR_IOU = 0.1
"""A wrong prediction and a missed object that overlap this much belong together: TIDE's threshold
of the background."""

_NONE, _IGNORED = -1, -2


@dataclass(frozen=True, slots=True)
class Matches:
    """What became of each prediction of an image.

    Attributes:
        partner: for each prediction the object's index, -1 if it is false, -2 if it doesn't count.
        iou: for each prediction the overlap with its partner; 0 where there is none.
    """

    partner: tuple[int, ...]
    iou: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong in an image, at the working confidence.

    The kinds of faults are those of TIDE (Bolya et al., ECCV 2020).

    Attributes:
        fault: `background` nothing is there, `missed` it was not found, `location` the outline is
            off, `class` it is something else, `duplicate` it was found before.
        prediction: what the network said, if anything.
        truth: what is there, if anything.
        iou: their overlap.
    """

    fault: Fault
    prediction: Prediction | None
    truth: Annotation | None
    iou: float = 0.0

    @property
    def weight(self) -> float:
        """How bad it is: a confident false positive is worse than a doubtful one."""
        if self.fault == "location":
            return 1 - self.iou
        if self.prediction is None:
            return 1.0
        return self.prediction.score * (0.5 if self.fault == "duplicate" else 1.0)


def match(predictions: Sequence[Prediction], truths: Sequence[Annotation], kind: Kind) -> Matches:
    """Pair predictions (best score first) with objects."""
    partner = [_NONE] * len(predictions)
    iou = [0.0] * len(predictions)
    for class_id in {prediction.class_id for prediction in predictions}:
        ours = [i for i, prediction in enumerate(predictions) if prediction.class_id == class_id]
        theirs = [i for i, truth in enumerate(truths) if truth.class_id == class_id]
        table = overlaps([predictions[i] for i in ours], [truths[i] for i in theirs], kind)
        regions = np.array([truths[i].ignore for i in theirs], bool)
        free = ~regions
        for row, i in zip(table, ours, strict=True):
            open_to = np.where(free, row, 0.0)
            if len(row) and open_to.max() >= MATCH_IOU:
                best = int(open_to.argmax())
                free[best] = False
                partner[i], iou[i] = theirs[best], float(row[best])
            elif (row[regions] >= MATCH_IOU).any():
                partner[i] = _IGNORED
    return Matches(tuple(partner), tuple(iou))


def outcome(matches: Matches) -> list[bool | None]:
    """For each prediction: right, wrong, or None if it doesn't count."""
    return [None if index == _IGNORED else index >= 0 for index in matches.partner]


def mistakes(
    predictions: Sequence[Prediction],
    truths: Sequence[Annotation],
    matches: Matches,
    confidence: float,
    kind: Kind,
) -> tuple[Mistake, ...]:
    """What is wrong among the predictions that score `confidence` or more."""
    sure = [i for i, prediction in enumerate(predictions) if prediction.score >= confidence]
    found = {matches.partner[i] for i in sure}
    wrong = [predictions[i] for i in sure if matches.partner[i] == _NONE]
    missed = [t for i, t in enumerate(truths) if not t.ignore and i not in found]
    seen = [truths[i] for i in sorted(found) if i >= 0]
    table = overlaps(wrong, missed, kind)
    result = []
    taken: set[int] = set()
    given: set[int] = set()
    for pair in np.argsort(-table, axis=None, kind="stable"):
        row, column = (int(index) for index in np.unravel_index(pair, table.shape))
        same = wrong[row].class_id == missed[column].class_id
        if table[row, column] < (_NEAR_IOU if same else MATCH_IOU) or row in taken:
            continue
        if column in given:
            continue
        taken.add(row)
        given.add(column)
        fault: Fault = "location" if same else "class"
        result.append(Mistake(fault, wrong[row], missed[column], float(table[row, column])))
    again = overlaps(wrong, seen, kind)
    for row, prediction in enumerate(wrong):
        if row not in taken:
            of_class = [t.class_id == prediction.class_id for t in seen]
            duplicate = bool((again[row][of_class] >= MATCH_IOU).any()) if seen else False
            result.append(Mistake("duplicate" if duplicate else "background", prediction, None))
    result += [Mistake("missed", None, t) for i, t in enumerate(missed) if i not in given]
    return tuple(result)
