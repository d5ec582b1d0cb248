"""Predictions: what a network found in one image, and how it overlaps what is true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from faster_coco_eval.core import mask as coco_mask

from distill.data import rle as run_length
from models.instances import MASK_THRESHOLD, Mask
from models.masks import whole_mask, whole_rectangle

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
    """A network's instances, best score first, their masks packed and as the network means them."""
    size = (record.height, record.width)
    order = np.argsort(-found.scores, kind="stable")
    masks = _ungrown(found, size)
    return tuple(
        Prediction(
            int(found.classes[i]),
            tuple(found.boxes[i].tolist()),
            float(found.scores[i]),
            None if masks is None else run_length.from_mask(masks[i], size),
        )
        for i in order
    )


def _ungrown(found: Instances, size: tuple[int, int]) -> tuple[Mask, ...] | None:
    """The masks as they would have been read with `mask_grow` 0: they end at their boxes."""
    if not found.mask_grow or found.masks is None:
        return found.masks
    masks = []
    for box, mask in zip(found.boxes, found.masks, strict=True):
        x0, y0, x1, y1 = rectangle = whole_rectangle(box, size[::-1], grow=0)
        inside = mask.pixels[max(0, y0 - mask.y) : y1 - mask.y, max(0, x0 - mask.x) : x1 - mask.x]
        if inside.size and inside.max() >= MASK_THRESHOLD:
            masks.append(Mask(max(x0, mask.x), max(y0, mask.y), inside))
        else:  # it is anywhere in its box, as the decoder has it
            masks.append(whole_mask(rectangle))
    return tuple(masks)


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
