"""Answer: the objects that a teacher sees, and the student's cells that see them, too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torchvision.ops import batched_nms, box_iou

if TYPE_CHECKING:
    from torch import Tensor

_MIN_SCORE = 0.3
_NMS_IOU = 0.6
_MOST = 30
"""Objects an image; masks are what costs."""
_MATCH_IOU = 0.5
_CELLS = 3
"""Student cells an object."""


@dataclass(frozen=True)
class Matches:
    """Pairs of a student's cell and a teacher's, in one image; both see the same object.

    Attributes:
        student: cells over all levels, int64 [N].
        teacher: likewise.
    """

    student: Tensor
    teacher: Tensor


@torch.no_grad()
def match(
    student_logits: Tensor, student_boxes: Tensor, teacher_logits: Tensor, teacher_boxes: Tensor
) -> Matches:
    """Of each object that the teacher is sure of, the best of the student's cells that find it.

    They find it where their box has an IoU of 0.5 with its, and are ranked by their score for its
    class times that IoU.

    Args:
        student_logits: [C, A].
        student_boxes: x0 y0 x1 y1 in input pixels [4, A].
        teacher_logits: [C, A], the same classes.
        teacher_boxes: likewise.
    """
    scores, classes = teacher_logits.float().sigmoid().max(0)
    sure = (scores > _MIN_SCORE).nonzero()[:, 0]
    boxes = teacher_boxes.float().T[sure]
    kept = batched_nms(boxes, scores[sure], classes[sure], _NMS_IOU)[:_MOST]
    objects = sure[kept]
    iou = box_iou(boxes[kept], student_boxes.float().T)
    rank = student_logits.float().sigmoid()[classes[objects]] * iou
    rank = rank.masked_fill(~(iou >= _MATCH_IOU), -1)  # NaN is no match
    best, cells = rank.topk(min(_CELLS, rank.shape[1]), dim=1)
    of_object, place = (best >= 0).nonzero(as_tuple=True)
    return Matches(cells[of_object, place], objects[of_object])
