"""Distillation: everything that a student learns from a teacher beside its labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from distill.errors import UsageError
from distill.student.answer import match
from distill.student.losses.boxes import box_loss
from distill.student.losses.class_maps import class_map_loss
from distill.student.losses.feature import FeatureLoss
from distill.student.losses.masks import mask_loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from distill.teacher.teacher import Dense


@dataclass(frozen=True)
class Weights:
    """How much each loss counts; 0 is off, and never computed."""

    feature: float
    class_maps: float
    boxes: float
    masks: float


class Distillation(nn.Module):
    """The losses, and the projectors that one of them learns with.

    Args:
        weights: of the losses.
        student_channels: of the student's features, level by level.
        teacher_channels: likewise.
        classes: the teacher's class id of each of the student's classes.
    """

    def __init__(
        self,
        weights: Weights,
        student_channels: Sequence[int],
        teacher_channels: Sequence[int],
        classes: Sequence[int],
    ) -> None:
        super().__init__()
        self._weights, self._classes = weights, list(classes)
        self._feature = FeatureLoss(student_channels, teacher_channels) if weights.feature else None

    def forward(self, student: Dense, teacher: Dense, scale: float = 1.0) -> dict[str, Tensor]:
        """Each loss times its weight and `scale`; none where `scale` is 0.

        Raises:
            UsageError: the two don't have the same cells.
        """
        if student.strides != teacher.strides:
            raise UsageError(
                f"the teacher has cells of {_words(teacher.strides)} px, the student of "
                f"{_words(student.strides)}; take a teacher with the same"
            )
        if not scale:
            return {}
        # float32 throughout: sums of thousands of small terms.
        with torch.autocast(student.boxes[0].device.type, enabled=False):
            terms = self._terms(student, teacher)
        weights = vars(self._weights)
        return {name: term * (weights[name] * scale) for name, term in terms.items()}

    def _terms(self, student: Dense, teacher: Dense) -> dict[str, Tensor]:
        on, terms = self._weights, {}
        if self._feature is not None:
            ours = [level.float() for level in student.features]
            terms["feature"] = self._feature(ours, teacher.features)
        our_logits = _flat(student.class_logits)
        their_logits = _flat(teacher.class_logits)[:, self._classes].detach()
        our_boxes, their_boxes = _flat(student.boxes), _flat(teacher.boxes).detach()
        if on.class_maps:
            terms["class_maps"] = class_map_loss(our_logits, their_logits)
        if on.boxes:
            scores = their_logits.float().sigmoid().amax(1)
            terms["boxes"] = box_loss(our_boxes, their_boxes, scores)
        if on.masks:
            matches = [
                match(*answers)
                for answers in zip(our_logits, our_boxes, their_logits, their_boxes, strict=True)
            ]
            pairs = [(i, found) for i, found in enumerate(matches) if len(found.student)]
            if pairs:
                terms["masks"] = mask_loss(
                    torch.cat([student.mask_logits(i, found.student) for i, found in pairs]),
                    torch.cat([teacher.mask_logits(i, found.teacher) for i, found in pairs]),
                    torch.cat([their_boxes[i].T[found.teacher] for i, found in pairs])
                    / student.mask_stride,
                )
            else:
                terms["masks"] = our_boxes.new_zeros(())
        return terms


def _flat(levels: Sequence[Tensor]) -> Tensor:
    """[B, C, h, w] of each level to [B, C, A] over all, finest first."""
    return torch.cat([level.flatten(2) for level in levels], dim=2)


def _words(strides: Sequence[int]) -> str:
    return ", ".join(map(str, strides))
