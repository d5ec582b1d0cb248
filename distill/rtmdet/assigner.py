"""Assigner: which cells learn which object, by dynamic soft label assignment.

RTMDet (Lyu et al., 2022, section 3.3; `mmdet/models/task_modules/assigners/
dynamic_soft_label_assigner.py`): SimOTA (Ge et al., YOLOX, 2021) whose class cost knows how well
the box fits, with a soft centre. Always in float32 or better: 10 to the power of a distance and
the logarithm of an overlap leave half precision.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

CANDIDATES = 13
"""An object may have as many cells as the sum of its best overlaps, of so many.

This, the radius and the weight are `topk`, `soft_center_radius` and `iou_weight` of mmdetection.
"""

CENTRE_RADIUS = 3.0
"""Strides from the centre at which the centre costs 1; ten times more a stride on."""

IOU_WEIGHT = 3.0
"""Of the overlap's logarithm in the cost."""

_EPS = 1e-7
_UNION_EPS = 1e-6


class Assignment(NamedTuple):
    """The cells of one image that shall learn an object; all others are background.

    Attributes:
        cells: indices [M] into all priors, rising.
        objects: index [M] of the object of each.
        overlaps: IoU [M] of what each predicts with its object: the soft label.
    """

    cells: Tensor
    objects: Tensor
    overlaps: Tensor


@torch.no_grad()
def assign(
    logits: Tensor, boxes: Tensor, priors: Tensor, gt_boxes: Tensor, labels: Tensor, masks: Tensor
) -> Assignment:
    """Assign the cells of one image.

    Args:
        logits: [P, classes], before the sigmoid.
        boxes: what the cells predict [P, 4], x0 y0 x1 y1 in input pixels.
        priors: [P, 4] as x, y, stride, stride.
        gt_boxes: [G, 4], x0 y0 x1 y1 in input pixels.
        labels: [G].
        masks: [G, H, W], 0 or 1, at the input's resolution.
    """
    if logits.dtype in (torch.float16, torch.bfloat16):
        logits, boxes = logits.float(), boxes.float()
    point = priors[:, None, :2]
    inside = torch.cat([point - gt_boxes[:, :2], gt_boxes[:, 2:] - point], dim=2).amin(2) > 0
    valid = inside.any(dim=1).nonzero().squeeze(1)  # inside any box, not only its own
    if not len(valid):
        return Assignment(valid, valid, boxes.new_zeros(0))
    overlaps = _overlaps(boxes[valid], gt_boxes.to(boxes.dtype))  # [V, G]
    cost = (
        _class_cost(logits[valid], labels, overlaps)
        - IOU_WEIGHT * torch.log(overlaps + _EPS)
        + _centre_cost(priors[valid], centres_of_mass(masks, boxes.dtype))
    )
    matched = _match(cost, overlaps)
    chosen = matched.any(dim=1).nonzero().squeeze(1)
    objects = matched[chosen].int().argmax(dim=1)
    return Assignment(valid[chosen], objects, overlaps[chosen, objects])


def centres_of_mass(masks: Tensor, dtype: torch.dtype) -> Tensor:
    """Mean x and y [G, 2] of the pixels of masks [G, H, W]; 0, 0 where there are none."""
    masks = masks.to(dtype)
    columns, rows = masks.sum(dim=1), masks.sum(dim=2)  # [G, W], [G, H]
    area = columns.sum(dim=1).clamp(min=_EPS)
    x = (columns * torch.arange(columns.shape[1], device=masks.device)).sum(dim=1) / area
    y = (rows * torch.arange(rows.shape[1], device=masks.device)).sum(dim=1) / area
    return torch.stack([x, y], dim=1)


def _overlaps(boxes: Tensor, gt_boxes: Tensor) -> Tensor:
    """IoU [V, G]; that of two boxes without an area is 0, where torchvision has 0 / 0."""
    low = torch.maximum(boxes[:, None, :2], gt_boxes[:, :2])
    high = torch.minimum(boxes[:, None, 2:], gt_boxes[:, 2:])
    shared = (high - low).clamp(min=0).prod(dim=2)
    areas, gt_areas = ((each[:, 2:] - each[:, :2]).prod(dim=1) for each in (boxes, gt_boxes))
    return shared / (areas[:, None] + gt_areas - shared).clamp(min=_UNION_EPS)


def _class_cost(logits: Tensor, labels: Tensor, overlaps: Tensor) -> Tensor:
    """How far each cell's classes [V, classes] are from each object's soft label: [V, G].

    Only the object's own class has a soft label; what all others cost is the same for every
    object, and is summed once.
    """
    background = functional.softplus(logits) * logits.sigmoid().square()  # [V, classes]
    own = logits[:, labels]  # [V, G]
    hit = functional.binary_cross_entropy_with_logits(own, overlaps, reduction="none")
    hit = hit * (overlaps - own.sigmoid()).square()
    return background.sum(dim=1, keepdim=True) - background[:, labels] + hit


def _centre_cost(priors: Tensor, centres: Tensor) -> Tensor:
    distance = (priors[:, None, :2] - centres).square().sum(dim=2).sqrt() / priors[:, None, 2]
    return torch.pow(10.0, distance - CENTRE_RADIUS)


def _match(cost: Tensor, overlaps: Tensor) -> Tensor:
    """Which cell has which object: bool [V, G], at most one a row."""
    best = overlaps.topk(min(CANDIDATES, len(overlaps)), dim=0).values
    counts = best.sum(dim=0).int().clamp(min=1)
    matched = torch.zeros_like(cost, dtype=torch.bool)
    for number, count in enumerate(counts.tolist()):
        matched[cost[:, number].topk(count, largest=False).indices, number] = True
    claimed = matched.sum(dim=1) > 1
    # To the cheapest of all objects, even one that did not claim it, as the original has it.
    matched[claimed] = functional.one_hot(cost[claimed].argmin(dim=1), cost.shape[1]).bool()
    return matched
