"""What every family checks and does with raw outputs before its own part begins."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from models.boxes import nms
from models.errors import FamilyError, InferenceError
from models.instances import Instances

if TYPE_CHECKING:
    from models.preprocess import Letterbox

Outputs = Sequence[npt.NDArray[Any]]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

NMS_IOU = 0.7
"""Overlap above which two boxes of a class are one object, as Ultralytics has it."""

MAX_INSTANCES = 300
"""The most objects of one image, as Ultralytics has it."""

MIN_SCORE = 0.25
"""The least score of an instance where nobody says otherwise, as Ultralytics' `predict` has it."""


def sorted_ids(classes: Collection[int]) -> Ints:
    """Class ids in order, each once: int64 [N].

    `np.unique` would import NumPy's masked arrays: 0.01 s of the first detection.
    """
    return np.array(sorted(set(classes)), np.int64)


def shapes(outputs: Outputs) -> str:
    """The shapes of outputs for a message: `[1, 116, 8400], [1, 32, 160, 160]`."""
    return ", ".join(str(list(output.shape)) for output in outputs) or "nothing"


def finite_floats(output: npt.NDArray[Any], name: str) -> Floats:
    """The output as float32.

    Raises:
        InferenceError: a value is not finite. A NaN among the scores would compare as
            "nothing here", and an object would be let through.
    """
    values = output.astype(np.float32, copy=False)
    # A sum is finite exactly if its terms are (they are far too small to overflow), and takes
    # a quarter of the time of isfinite().all().
    with np.errstate(invalid="ignore", over="ignore"):
        total = values.sum()
    if not np.isfinite(total):
        raise InferenceError(f"the network gave {name} that are not finite")
    return values


def check_probabilities(scores: Floats) -> None:
    """Refuse scores outside 0 to 1: they come from another kind of network.

    Raises:
        FamilyError: a score lies outside.
    """
    if len(scores) and (scores.min() < 0 or scores.max() > 1.001):  # float16 rounds up to 1.001
        raise FamilyError(
            f"scores must lie between 0 and 1, but one is {_furthest(scores):.3g}: "
            "the network is of another family or layout, or was exported without its sigmoid"
        )


def _furthest(scores: Floats) -> float:
    return float(scores[np.abs(scores - 0.5).argmax()])


def best_class(
    scores: Floats,
    classes: Collection[int] | None,
    min_score: float,
    sought: Collection[Collection[int]] = (),
) -> tuple[Ints, Ints, Floats]:
    """The anchors that score above `min_score` in a class that matters.

    Args:
        scores: [classes, anchors].
        classes: class ids that matter; None for all.
        min_score: what the best of them must exceed.
        sought: as `models.decode.Decoder` has it.

    Returns:
        Anchor indices [N], their best class [N] and its score [N].

    Raises:
        FamilyError: an anchor's best score is no probability.
    """
    parts = [_best_of(scores, classes, min_score)]
    for group in sought:
        if len(group) == len(scores):  # no class is left that could score higher
            continue
        anchors, labels, top = _best_of(scores, group, min_score)
        outdone = outdone_by_others(scores[:, anchors], group)
        parts.append((anchors[outdone], labels[outdone], top[outdone]))
    every = zip(*parts, strict=True)
    anchors, labels, top = (np.concatenate(values) for values in every)
    return anchors, labels, top


def outdone_by_others(scores: Floats, group: Collection[int] | Ints) -> npt.NDArray[np.bool_]:
    """At which anchors a class that is not of the group scores best: bool [N] of [classes, N]."""
    if not scores.shape[1]:
        return np.zeros(0, np.bool_)
    return ~np.isin(scores.argmax(axis=0), np.fromiter(group, np.int64))


def _best_of(
    scores: Floats, classes: Collection[int] | None, min_score: float
) -> tuple[Ints, Ints, Floats]:
    ids = np.arange(len(scores)) if classes is None else sorted_ids(classes)
    if not len(ids):
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
    wanted = scores if classes is None else scores[ids]
    # The maximum alone is ten times faster than where it stands; few anchors get further.
    top = wanted.max(axis=0)
    check_probabilities(top)
    anchors = np.flatnonzero(top > min_score)
    few = wanted[:, anchors]
    best = few.argmax(axis=0)
    return anchors, ids[best].astype(np.int64), few[best, np.arange(len(anchors))]


def only_wanted(
    scores: Floats,
    labels: Floats,
    classes: Collection[int] | None,
    min_score: float,
    class_count: int,
) -> tuple[Ints, Ints]:
    """The detections above `min_score` whose class matters, best score first.

    Args:
        scores: [N].
        labels: [N], whole numbers from 0 to `class_count` - 1, still as floats.
        classes: class ids that matter; None for all.
        min_score: what a score must exceed.
        class_count: how many classes the network knows.

    Returns:
        Indices [M] and class ids [M].

    Raises:
        FamilyError: a score is no probability, or a class id is not one of the network's.
    """
    check_probabilities(scores)
    index = np.flatnonzero(scores > min_score)
    if ((labels[index] < 0) | (labels[index] >= class_count)).any():
        raise FamilyError(
            f"class ids must lie between 0 and {class_count - 1}, but the network gave others: "
            "it is of another family or layout, or knows more classes"
        )
    ids = labels[index].astype(np.int64)
    if classes is not None:
        mattering = np.isin(ids, list(classes))
        index, ids = index[mattering], ids[mattering]
    order = np.argsort(-scores[index], kind="stable")[:MAX_INSTANCES]
    return index[order], ids[order]


def visible(boxes: Floats, fit: Letterbox) -> tuple[Floats, Ints]:
    """Boxes from input pixels to source pixels; those with nothing inside the image are dropped.

    Returns:
        Boxes [M, 4], clipped to the image, and the indices [M] they had.

    Raises:
        InferenceError: a box is not finite.
    """
    if not np.isfinite(boxes).all():
        raise InferenceError("the network gave boxes that are not finite")
    clipped = fit.to_source(boxes)
    index = np.flatnonzero((clipped[:, 2:] > clipped[:, :2]).all(axis=1))
    return clipped[index], index


def suppressed(boxes: Floats, scores: Floats, labels: Ints) -> Ints:
    """Indices of what remains of boxes [N, 4] when duplicates are gone, best score first.

    Boxes without an inside are gone, too: OpenCV takes what is smaller than one of them for its
    duplicate.
    """
    solid = np.flatnonzero(~(boxes[:, 2:] <= boxes[:, :2]).any(axis=1))
    keep = nms(boxes[solid], scores[solid], labels[solid], max_iou=NMS_IOU, limit=MAX_INSTANCES)
    return solid[keep]


def boxes_only(boxes: Floats, scores: Floats, labels: Ints, fit: Letterbox) -> Instances:
    """Instances without masks from boxes in input pixels."""
    boxes, index = visible(boxes, fit)
    return Instances(boxes, scores[index], labels[index], None)
