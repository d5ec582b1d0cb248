"""The three losses of RTMDet-Ins, as sums that the caller divides.

Definitions and constants as mmdetection has them (`mmdet/models/losses/`, `gfocal_loss.py`,
`iou_loss.py`, `dice_loss.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

_GIOU_EPS = 1e-6
_DICE_EPS = 5e-6


def quality_focal(logits: Tensor, cells: Tensor, labels: Tensor, qualities: Tensor) -> Tensor:
    """Quality focal loss with beta 2 (Li et al., Generalized Focal Loss, 2020).

    Args:
        logits: [P, classes].
        cells: indices [M] of the cells that have an object.
        labels: its class [M].
        qualities: the score that it shall have [M], 0 to 1; every other shall be 0.

    Returns:
        The loss of each cell [P].
    """
    background = functional.softplus(logits) * logits.sigmoid().square()
    own = logits[cells, labels]
    hit = functional.binary_cross_entropy_with_logits(own, qualities, reduction="none")
    hit = hit * (qualities - own.sigmoid()).square()
    return background.sum(dim=1).index_add(0, cells, hit - background[cells, labels])


def giou(boxes: Tensor, targets: Tensor) -> Tensor:
    """1 - generalised IoU (Rezatofighi et al., 2019) of pairs [M, 4], x0 y0 x1 y1: [M], 0 to 2."""
    low, high = (
        torch.maximum(boxes[:, :2], targets[:, :2]),
        torch.minimum(boxes[:, 2:], targets[:, 2:]),
    )
    shared = (high - low).clamp(min=0).prod(dim=1)
    union = (_areas(boxes) + _areas(targets) - shared).clamp(min=_GIOU_EPS)
    around_low = torch.minimum(boxes[:, :2], targets[:, :2])
    around_high = torch.maximum(boxes[:, 2:], targets[:, 2:])
    around = (around_high - around_low).clamp(min=0).prod(dim=1).clamp(min=_GIOU_EPS)
    return 1 - (shared / union - (around - union) / around)


def _areas(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)


def dice(logits: Tensor, targets: Tensor) -> Tensor:
    """Dice loss with squares (Milletari et al., V-Net, 2016) of masks [M, h, w]: [M], 0 to 1."""
    drawn, wanted = logits.flatten(1).sigmoid(), targets.flatten(1).to(logits.dtype)
    both = (drawn * wanted).sum(dim=1)
    each = drawn.square().sum(dim=1) + wanted.square().sum(dim=1)
    return 1 - 2 * both / (each + 2 * _DICE_EPS)
