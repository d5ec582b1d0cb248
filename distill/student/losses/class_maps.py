"""Class maps: the student's probability of each class in each cell becomes the teacher's.

Binary cross-entropy weighted by how far the two disagree (Yang et al., Bridging Cross-task
Protocol Inconsistency for Distillation in Dense Object Detection, arXiv 2308.14286).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor


def class_map_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Weighted cross-entropy, over the teacher's sum of scores.

    Its gradient is zero where the two agree. The background is most of an image, so a mean over
    cells would vanish; as in the loss on labels, the sum of targets is what it is divided by.

    Args:
        student: logits [B, C, A].
        teacher: logits [B, C, A] of the same classes in the same cells; gets no gradient.
    """
    ours, theirs = student.float(), teacher.detach().float()
    target = theirs.sigmoid()
    weight = (target - ours.detach().sigmoid()).abs()
    loss = functional.binary_cross_entropy_with_logits(ours, target, reduction="none")
    with torch.no_grad():
        least = functional.binary_cross_entropy_with_logits(theirs, target, reduction="none")
    return (weight * (loss - least)).sum() / target.sum().clamp(min=1)
