"""Loss on boxes: generalised IoU with the teacher's box of the same cell, where it sees something.

Generalised IoU (Rezatofighi et al., 2019, arXiv 1902.09630) of decoded boxes in input pixels.
Families measure from different points of a cell and in different units; only what they decode to
can be compared. Neither side is clipped to the image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

MIN_SCORE = 0.05
"""In cells below it the teacher's box means nothing, and they are nearly all cells.

As RTMDet-Ins is tested with (`score_thr` of its configs).
"""

_EPS = 1e-6  # px^2


def box_loss(student: Tensor, teacher: Tensor, scores: Tensor) -> Tensor:
    """`giou_loss` of the two boxes of a cell, mean weighted by the teacher's scores.

    The sum of the weights counts as at least 1, so that a batch without objects is no louder than
    others.

    Args:
        student: x0 y0 x1 y1 in input pixels [B, 4, A].
        teacher: the same; get no gradient.
        scores: the teacher's best probability in each cell [B, A].
    """
    theirs, scores = teacher.detach().float(), scores.detach().float()
    # A box that is inside out teaches nothing.
    seen = (scores > MIN_SCORE) & (theirs[:, 2:] > theirs[:, :2]).all(dim=1)
    ours, theirs = (boxes.transpose(1, 2)[seen] for boxes in (student.float(), theirs))
    weights = scores[seen]
    return (giou_loss(ours, theirs) * weights).sum() / weights.sum().clamp(min=1)


def giou_loss(boxes: Tensor, targets: Tensor) -> Tensor:
    """1 - generalised IoU of pairs [N, 4], x0 y0 x1 y1: [N], 0 to 2.

    A regression without a lower limit (YOLO26's) can turn a box inside out. Such a box has less
    than no area, which makes the loss up to 3, and opens the box again.

    Args:
        boxes: any.
        targets: x1 > x0, y1 > y0.
    """
    low, high, target_low, target_high = boxes[:, :2], boxes[:, 2:], targets[:, :2], targets[:, 2:]
    sides = high - low
    area = sides.prod(dim=1)
    area = torch.where(
        (sides < 0).all(dim=1), -area, area
    )  # else two negative sides would count as an area
    target_area = (target_high - target_low).prod(dim=1)
    shared = torch.minimum(high, target_high) - torch.maximum(low, target_low)
    shared = shared.clamp(min=0).prod(dim=1)
    union = area + target_area - shared
    around = torch.maximum(torch.maximum(low, high), target_high) - torch.minimum(
        torch.minimum(low, high), target_low
    )
    around = around.prod(dim=1).clamp(min=_EPS)
    loss: Tensor = 1 - shared / union.clamp(min=_EPS) + (around - union) / around
    return loss
