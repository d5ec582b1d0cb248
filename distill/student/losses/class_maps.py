"""Loss on class maps: cross-entropy with the teacher's probability of every class in every cell.

Binary classification distillation (BCKD: Yang et al., Bridging Cross-task Protocol Inconsistency
for Distillation in Dense Object Detection, 2023, arXiv 2308.14286).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

_BETA = 1
"""Power of the disagreement that weighs a cell; the paper's."""


def class_map_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Cross-entropy towards the teacher's probabilities, weighted by the disagreement.

    Nearly all cells are background, so a mean over them would vanish: what divides is the
    teacher's best score of each cell, summed, at least 1 an image. Where both agree the weight is
    0, and so are the loss and its gradient.

    Args:
        student: logits [B, C, A].
        teacher: logits [B, C, A] of the same classes in the same cells; get no gradient.
    """
    ours, wanted = student.float(), teacher.detach().float().sigmoid()
    weights = (wanted - ours.detach().sigmoid()).abs().pow(_BETA)
    loss = functional.binary_cross_entropy_with_logits(ours, wanted, weights, reduction="sum")
    return loss / wanted.amax(dim=1).sum(dim=1).clamp(min=1).sum()
