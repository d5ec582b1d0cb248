"""Feature loss: each channel of the student's maps looks where a channel of the teacher's looks.

Channel-wise divergence (Shu et al., Channel-wise Knowledge Distillation for Dense Prediction,
arXiv 2011.13256) of maps that are normalised first (PKD: Cao et al., arXiv 2207.02039), as mmyolo
distils RTMDet (configs/rtmdet/distillation).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


class FeatureLoss(nn.Module):
    """Projectors of the student's channels to the teacher's, and the divergence behind them.

    A teacher's channel may be scaled and shifted without a change.

    Args:
        student_channels: of each level.
        teacher_channels: of each level.
    """

    def __init__(self, student_channels: Sequence[int], teacher_channels: Sequence[int]) -> None:
        super().__init__()
        self.projectors = nn.ModuleList(
            nn.Conv2d(ours, theirs, 1, bias=False)
            for ours, theirs in zip(student_channels, teacher_channels, strict=True)
        )

    def forward(self, student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
        """KL divergence in nats, mean over images and channels, summed over levels.

        Args:
            student: [B, C, h, w] of each level.
            teacher: [B, D, h, w] of each level; gets no gradient.
        """
        total = student[0].new_zeros((), dtype=torch.float32)
        for projector, ours, theirs in zip(self.projectors, student, teacher, strict=True):
            told = _looks(projector(ours))
            truth = _looks(theirs.detach())
            kl = functional.kl_div(told, truth, reduction="sum", log_target=True)
            total = total + kl / truth[..., 0].numel()
        return total


def _looks(maps: Tensor) -> Tensor:
    """Log-probabilities of places, [B, C, h * w], of maps normalised over the batch."""
    # float32: bfloat16 has three digits, and this takes the logarithm of a share of thousands.
    with torch.autocast(maps.device.type, enabled=False):
        return (
            functional.batch_norm(maps.float(), None, None, training=True).flatten(2).log_softmax(2)
        )
