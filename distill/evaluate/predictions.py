"""Predictions: what a network found in one image, and how it overlaps what is true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from faster_coco_eval.core import mask as coco_mask

from distill.data import rle as run_length

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distill.data.record import Annotation, ImageRecord
    from distill.data.rle import Rle
    from models.instances import Instances

Kind = Literal["mask", "box"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """One object that a network found.

    Attributes:
        class_id: index in the data set's classes.
        box: x0, y0, x1, y1, pixels.
        score: 0 to 1.
        rle: the mask, or None where the network gives boxes only.
    """

    class_id: int
    box: tuple[float, float, float, float]
    score: float
    rle: Rle | None


def predictions_of(found: Instances, record: ImageRecord) -> tuple[Prediction, ...]:
    """A network's instances, best score first, their masks packed."""
    size = (record.height, record.width)
    order = np.argsort(-found.scores, kind="stable")
    return tuple(
        Prediction(
            int(found.classes[i]),
            tuple(found.boxes[i].tolist()),
            float(found.scores[i]),
            None if found.masks is None else run_length.from_mask(found.masks[i], size),
        )
        for i in order
    )


def overlaps(
    predictions: Sequence[Prediction], truths: Sequence[Annotation], kind: Kind
) -> npt.NDArray[np.float64]:
    """Intersection over union [predictions, truths].

    For a region to ignore, intersection over the prediction alone.
    """
    regions = [truth.ignore for truth in truths]
    masks = [prediction.rle for prediction in predictions if prediction.rle is not None]
    if kind == "mask" and len(masks) == len(predictions):
        return run_length.overlaps(masks, [truth.rle for truth in truths], regions)
    if not predictions or not truths:
        return np.zeros((len(predictions), len(truths)))
    found = coco_mask.iou(
        [xywh(prediction.box) for prediction in predictions],
        [xywh(truth.box) for truth in truths],
        list(map(int, regions)),
    )
    return np.asarray(found, np.float64).reshape(len(predictions), len(truths))


def xywh(box: Sequence[float]) -> list[float]:
    """COCO's form of a box."""
    x0, y0, x1, y1 = box
    return [x0, y0, x1 - x0, y1 - y0]
