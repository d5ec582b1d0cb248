"""Masks: the student's mask of an object becomes the teacher's, doubts at the edge included.

Distilling what a mask decoder says gave EdgeSAM (Zhou et al., arXiv 2312.06660) more than
distilling its features; Dice as in V-Net (Milletari et al., arXiv 1606.04797), squared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor


def mask_loss(student: Tensor, teacher: Tensor, boxes: Tensor) -> Tensor:
    """BCE and Dice inside the teacher's boxes, mean over objects; zero where they are equal.

    Args:
        student: mask logits [N, h, w].
        teacher: mask logits [N, H, W], resized where their grid is another (RTMDet-Ins draws
            one logit per 8 pixels, YOLO one per 4); gets no gradient.
        boxes: the teacher's, x0 y0 x1 y1 in cells of the student's grid, [N, 4].
    """
    ours, theirs = student.float(), teacher.detach().float()
    if theirs.shape != ours.shape:
        theirs = functional.interpolate(theirs[:, None], ours.shape[1:], mode="bilinear")[:, 0]
    y = torch.arange(ours.shape[1], device=ours.device)[None, :, None] + 0.5
    x = torch.arange(ours.shape[2], device=ours.device)[None, None, :] + 0.5
    x0, y0, x1, y1 = boxes.float()[:, :, None, None].unbind(1)
    inside = ((x > x0) & (x < x1) & (y > y0) & (y < y1)).float()
    target = theirs.sigmoid()
    cross = functional.binary_cross_entropy_with_logits(ours, target, reduction="none")
    with torch.no_grad():
        cross_least = functional.binary_cross_entropy_with_logits(theirs, target, reduction="none")
    area = inside.sum((1, 2)).clamp(min=1)
    bce = ((cross - cross_least) * inside).sum((1, 2)) / area
    told, truth = ours.sigmoid() * inside, target * inside
    apart = ((told - truth) ** 2).sum((1, 2))
    dice = apart / ((told**2).sum((1, 2)) + (truth**2).sum((1, 2))).clamp(min=1e-6)
    return (bce + dice).mean()
