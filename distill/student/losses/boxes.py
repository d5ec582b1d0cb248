"""Boxes: where the teacher sees something, the student's box in the same cell becomes the teacher's.

Generalised IoU (Rezatofighi et al., arXiv 1902.09630) of decoded boxes in pixels: families count
distances from other points of a cell and in other units, their boxes are comparable all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torchvision.ops import generalized_box_iou_loss

if TYPE_CHECKING:
    from torch import Tensor

MIN_SCORE = 0.05
"""Cells below say nothing about boxes, and are nearly all cells."""


def box_loss(student: Tensor, teacher: Tensor, scores: Tensor) -> Tensor:
    """1 - GIoU, mean weighted by the teacher's score; 0 to 2, zero where it sees nothing.

    Args:
        student: x0 y0 x1 y1 in input pixels [B, 4, A].
        teacher: the same; gets no gradient.
        scores: the teacher's best probability in each cell [B, A].
    """
    seen = scores > MIN_SCORE
    weight = scores[seen].float()
    if not len(weight):
        return student.new_zeros(())
    ours, theirs = (boxes.float().transpose(1, 2)[seen] for boxes in (student, teacher.detach()))
    return (generalized_box_iou_loss(ours, theirs) * weight).sum() / weight.sum()
