"""Loss on features: KL divergence of where each channel of student and teacher is active.

Channel-wise divergence (Shu et al., Channel-wise Knowledge Distillation for Dense Prediction,
2021, arXiv 2011.13256) on maps normalised as in PKD (Cao et al., 2022, arXiv 2207.02039), the
recipe that mmyolo distills RTMDet with (`configs/rtmdet/distillation`).
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
    """One projector per level, which only the loss uses, and the divergence behind it.

    Args:
        student_channels: of the student's features, level by level.
        teacher_channels: of the teacher's, which the projectors lead to.
    """

    def __init__(self, student_channels: Sequence[int], teacher_channels: Sequence[int]) -> None:
        super().__init__()
        self.projectors = nn.ModuleList(
            nn.Conv2d(ours, theirs, 1, bias=False)
            for ours, theirs in zip(student_channels, teacher_channels, strict=True)
        )

    def forward(self, student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
        """The sum over levels of `channel_divergence`; maps are [B, C, h, w] per level."""
        # float32: a softmax over thousands of cells has shares that bfloat16 can't tell apart.
        with torch.autocast(student[0].device.type, enabled=False):
            levels = [
                channel_divergence(projector(ours.float()), theirs)
                for projector, ours, theirs in zip(self.projectors, student, teacher, strict=True)
            ]
        return torch.stack(levels).sum()


def channel_divergence(student: Tensor, teacher: Tensor) -> Tensor:
    """KL divergence of where channels are active, in nats, mean over images and channels.

    A channel may be shifted, and scaled by more than 0, on either side: each is normalised over
    the batch first. The temperature is 1.

    Args:
        student: [B, C, h, w].
        teacher: [B, C, h, w]; gets no gradient.
    """
    log_p_student, log_p_teacher = _log_shares(student), _log_shares(teacher.detach())
    divergence = functional.kl_div(log_p_student, log_p_teacher, reduction="sum", log_target=True)
    return divergence / (log_p_teacher.shape[0] * log_p_teacher.shape[1])


def _log_shares(maps: Tensor) -> Tensor:
    """Log of each cell's share of its channel, [B, C, h * w]."""
    # Contiguous: channels last, batch norm's way back is ten times slower here.
    normal = functional.batch_norm(maps.float().contiguous(), None, None, training=True)
    return normal.flatten(2).log_softmax(dim=2)
