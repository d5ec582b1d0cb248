"""Loss on masks: cross-entropy and Dice with the teacher's mask of an object, soft edge included.

What EdgeSAM (Zhou et al., 2023, arXiv 2312.06660) gained most from: distill what a mask decoder
gives, with cross-entropy and Dice (Milletari et al., V-Net, 2016, arXiv 1606.04797; squared).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

_EPS = 1e-6


def mask_losses(
    student: Tensor, teacher: Tensor, boxes: Tensor, objects: Tensor, stride: int
) -> Tensor:
    """Cross-entropy less the teacher's own entropy, plus Dice, over the pixels in its boxes: [M].

    Both are 0 where the masks are equal, and nowhere less. A pixel is in a box if its centre is.

    Args:
        student: mask logits [M, h, w].
        teacher: mask logits [N, H, W] of its objects, resized where their grid is another:
            RTMDet-Ins draws one pixel per 8 of the input, YOLO one per 4. Get no gradient.
        boxes: the teacher's, x0 y0 x1 y1 in input pixels [N, 4].
        objects: which of them each of the student's masks is of, int64 [M].
        stride: input pixels per pixel of the student's.
    """
    count, height, width = student.shape
    theirs = teacher.detach().float()
    if theirs.shape[1:] != student.shape[1:]:
        theirs = functional.interpolate(
            theirs[:, None], (height, width), mode="bilinear", align_corners=False
        )[:, 0]
    theirs = theirs[objects]
    inside = _inside(boxes.detach().float() / stride, height, width)[objects]
    # Boxes are a small part of a map; all that follows is of their pixels alone.
    ours, theirs = student.masked_select(inside).float(), theirs.masked_select(inside)
    areas = inside.sum(dim=(1, 2))
    rows = torch.arange(count, device=areas.device).repeat_interleave(areas)

    def summed(values: Tensor) -> Tensor:
        return values.new_zeros(count).index_add(0, rows, values)

    p_student, p_teacher = ours.sigmoid(), theirs.sigmoid()
    # Bernoulli KL, from logits.
    divergence = (
        functional.softplus(ours) - functional.softplus(theirs) - p_teacher * (ours - theirs)
    )
    squares = summed(p_student.square() + p_teacher.square()).clamp(min=_EPS)
    dice = summed((p_student - p_teacher).square()) / squares
    return summed(divergence) / areas.clamp(min=1) + dice


def _inside(boxes: Tensor, height: int, width: int) -> Tensor:
    """Which pixels have their centre in each box [N, 4], given in those pixels: [N, h, w]."""
    x = torch.arange(width, device=boxes.device) + 0.5
    y = torch.arange(height, device=boxes.device) + 0.5
    x0, y0, x1, y1 = boxes[..., None].unbind(dim=1)  # [N, 1] each
    columns, lines = (x >= x0) & (x < x1), (y >= y0) & (y < y1)
    return lines[:, :, None] & columns[:, None]
