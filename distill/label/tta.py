"""Flip test-time augmentation: what the teacher sees in an image and in its mirror image."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from models import boxes as box_geometry
from models.instances import Instances, Mask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distill.data.images import Image
    from distill.predict.predictor import Predictor

_SAME_IOU = 0.5
"""Boxes that overlap this much are one object, seen twice; COCO's loosest threshold."""


def predict_flipped(
    teacher: Predictor, images: Sequence[Image], *, min_score: float
) -> list[Instances]:
    """Instances of each image, best score first.

    What is seen both ways gets the mean of scores, boxes and mask probabilities; what is seen
    one way only, half its score.
    """
    mirrored = [np.ascontiguousarray(image[:, ::-1]) for image in images]
    plain = teacher.predict(images, min_score=min_score)
    turned = teacher.predict(mirrored, min_score=min_score)
    return [
        merged(one, unflipped(other, image.shape[1]), min_score)
        for one, other, image in zip(plain, turned, images, strict=True)
    ]


def unflipped(instances: Instances, width: int) -> Instances:
    """Instances of a mirrored image `width` pixels wide, as they are in the image itself."""
    boxes = instances.boxes.copy()
    boxes[:, [0, 2]] = width - boxes[:, [2, 0]]
    masks = None
    if instances.masks is not None:
        masks = tuple(
            replace(mask, x=width - mask.x - mask.pixels.shape[1], pixels=mask.pixels[:, ::-1])
            for mask in instances.masks
        )
    return Instances(boxes, instances.scores, instances.classes, masks)


def merged(a: Instances, b: Instances, min_score: float) -> Instances:
    """Two views of one image as one."""
    table = box_geometry.iou(a.boxes, b.boxes)
    table[a.classes[:, None] != b.classes[None]] = 0
    rows, columns = linear_sum_assignment(table, maximize=True)
    both = table[rows, columns] >= _SAME_IOU
    rows, columns = rows[both], columns[both]
    lone_a = np.setdiff1d(np.arange(len(a)), rows)
    lone_b = np.setdiff1d(np.arange(len(b)), columns)
    masks = None
    if a.masks is not None and b.masks is not None:
        pairs = zip(rows.tolist(), columns.tolist(), strict=True)
        masks = (
            *(_mean(a.masks[row], b.masks[column]) for row, column in pairs),
            *(a.masks[i] for i in lone_a.tolist()),
            *(b.masks[i] for i in lone_b.tolist()),
        )
    whole = Instances(
        np.concatenate([(a.boxes[rows] + b.boxes[columns]) / 2, a.boxes[lone_a], b.boxes[lone_b]]),
        np.concatenate(
            [(a.scores[rows] + b.scores[columns]) / 2, a.scores[lone_a] / 2, b.scores[lone_b] / 2]
        ),
        np.concatenate([a.classes[rows], a.classes[lone_a], b.classes[lone_b]]),
        masks,
    )
    order = np.argsort(-whole.scores, kind="stable")
    return whole.take(order[whole.scores[order] >= min_score])


def _mean(a: Mask, b: Mask) -> Mask:
    """The mean of two masks' probabilities, in the rectangle around both.

    What is placed in one view alone is where that says.
    """
    if a.anywhere or b.anywhere:
        return b if a.anywhere else a
    x0, y0 = min(a.x, b.x), min(a.y, b.y)
    x1 = max(a.x + a.pixels.shape[1], b.x + b.pixels.shape[1])
    y1 = max(a.y + a.pixels.shape[0], b.y + b.pixels.shape[0])
    total = np.zeros((y1 - y0, x1 - x0), np.uint16)
    for mask in (a, b):
        top, left = mask.y - y0, mask.x - x0
        height, width = mask.pixels.shape
        total[top : top + height, left : left + width] += mask.pixels
    return Mask(x0, y0, ((total + 1) // 2).astype(np.uint8))
