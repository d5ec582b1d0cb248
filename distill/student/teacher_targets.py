"""Answer: the objects that a teacher sees in an image, and the student's cells that see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torchvision.ops import batched_nms, box_iou

if TYPE_CHECKING:
    from torch import Tensor

MIN_SCORE = 0.3
"""Below, a teacher's mask is no example."""

MAX_OBJECTS = 30
"""In an image; the best. Drawing masks is what the loss on masks costs."""

NMS_IOU = 0.6

MATCH_IOU = 0.5
"""From here on a student's box is of the same object."""

CELLS = 3
"""Cells of the student that learn the mask of an object, at most."""


class TeacherInstances(NamedTuple):
    """What a teacher sees in one image, best score first.

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
def instances(logits: Tensor, boxes: Tensor) -> TeacherInstances:
    """Non-maximum suppression, class by class, of each cell's best class.

    Args:
        logits: of the classes of the student, [C, A].
        boxes: x0 y0 x1 y1 in input pixels [4, A].
    """
    scores, classes = logits.float().sigmoid().max(dim=0)
    boxes = boxes.float()
    sure = (scores > MIN_SCORE) & (boxes[2:] > boxes[:2]).all(dim=0)  # and not inside out
    cells = sure.nonzero().squeeze(1)
    scores, classes, boxes = scores[cells], classes[cells], boxes[:, cells].T
    kept = batched_nms(boxes, scores, classes, NMS_IOU)[:MAX_OBJECTS]
    return TeacherInstances(cells[kept], classes[kept], scores[kept], boxes[kept])


class Matches(NamedTuple):
    """Cells of the student that see what the teacher sees, in one image.

    Attributes:
        cells: the student's, index over all levels, int64 [M].
        objects: index of the teacher's instance that each sees, int64 [M].
    """

    cells: Tensor
    objects: Tensor


@torch.no_grad()
def match(seen: TeacherInstances, logits: Tensor, boxes: Tensor) -> Matches:
    """The student's best cells of each object.

    Candidates are cells whose box has an IoU of at least `MATCH_IOU` with the object's, best are
    those with the highest product of IoU and score for its class. A cell has one mask, so it
    learns from one object: the one for which that product is highest.

    Args:
        seen: the objects.
        logits: the student's [C, A].
        boxes: the student's, x0 y0 x1 y1 in input pixels [4, A].
    """
    overlaps = box_iou(seen.boxes, boxes.float().T)
    fits = overlaps * logits.float().sigmoid()[seen.classes]
    fits = fits.masked_fill(~(overlaps >= MATCH_IOU), -1)  # so worded, NaN is no match
    if len(seen.cells):
        fits = fits.masked_fill(fits < fits.amax(dim=0), -1)
    best, cells = fits.topk(min(CELLS, fits.shape[1]), dim=1)
    objects, ranks = (best >= 0).nonzero(as_tuple=True)
    return Matches(cells[objects, ranks], objects)
