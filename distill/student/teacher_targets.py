"""Teacher targets: the objects that a teacher finds, and the student's cells that learn them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torchvision.ops import batched_nms, box_iou

if TYPE_CHECKING:
    from torch import Tensor

MIN_SCORE = 0.3
"""Below, a teacher's mask is no example; chosen, not measured."""

MAX_OBJECTS = 30
"""In an image; the best. Drawing masks is what the loss on masks costs. Chosen, not measured."""

NMS_IOU = 0.6
"""As RTMDet-Ins is tested with (`nms` of its configs)."""

MATCH_IOU = 0.5
"""From here on a student's box is of the same object; the usual limit (PASCAL VOC)."""

MAX_CELLS = 3
"""Cells of the student that learn the mask of one object; chosen, not measured."""


class TeacherInstances(NamedTuple):
    """What a teacher finds in one image, best score first.

    Attributes:
        cells: index over all levels, int64 [N].
        classes: the student's class ids, int64 [N].
        scores: [N].
        boxes: x0 y0 x1 y1 in input pixels [N, 4].
    """

    cells: Tensor
    classes: Tensor
    scores: Tensor
    boxes: Tensor


@torch.no_grad()
def teacher_instances(logits: Tensor, boxes: Tensor) -> TeacherInstances:
    """Non-maximum suppression, class by class, of each cell's best class.

    Args:
        logits: of the classes of the student, [C, A].
        boxes: x0 y0 x1 y1 in input pixels [4, A].
    """
    scores, classes = logits.float().sigmoid().max(dim=0)
    boxes = boxes.float()
    certain = (scores > MIN_SCORE) & (boxes[2:] > boxes[:2]).all(dim=0)  # and not inside out
    cells = certain.nonzero().squeeze(1)
    scores, classes, boxes = scores[cells], classes[cells], boxes[:, cells].T
    kept = batched_nms(boxes, scores, classes, NMS_IOU)[:MAX_OBJECTS]
    return TeacherInstances(cells[kept], classes[kept], scores[kept], boxes[kept])


class CellMatches(NamedTuple):
    """Cells of the student that learn what the teacher finds in one image.

    Attributes:
        cells: the student's, index over all levels, int64 [M].
        objects: index of the teacher's instance that each learns, int64 [M].
    """

    cells: Tensor
    objects: Tensor


@torch.no_grad()
def match_cells(found: TeacherInstances, logits: Tensor, boxes: Tensor) -> CellMatches:
    """The student's best cells of each object.

    Candidates are cells whose box has an IoU of at least `MATCH_IOU` with the object's, best are
    those with the highest product of IoU and score for its class. A cell has one mask, so it
    learns from one object: the one for which that product is highest.

    Args:
        found: the objects.
        logits: the student's [C, A].
        boxes: the student's, x0 y0 x1 y1 in input pixels [4, A].
    """
    overlaps = box_iou(found.boxes, boxes.float().T)
    quality = overlaps * logits.float().sigmoid()[found.classes]
    quality = quality.masked_fill(~(overlaps >= MATCH_IOU), -1)  # so worded, NaN is no match
    if len(found.cells):
        quality = quality.masked_fill(quality < quality.amax(dim=0), -1)
    best, cells = quality.topk(min(MAX_CELLS, quality.shape[1]), dim=1)
    objects, ranks = (best >= 0).nonzero(as_tuple=True)
    return CellMatches(cells[objects, ranks], objects)
