"""Distillation: all that a student learns from a teacher beside its labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from distill.errors import UsageError
from distill.student.classes import classes_of_teacher
from distill.student.losses.boxes import box_loss
from distill.student.losses.class_maps import class_map_loss
from distill.student.losses.feature import FeatureLoss
from distill.student.losses.masks import mask_losses
from distill.student.teacher_targets import match_cells, teacher_instances

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from distill.predict.predictor import Dense, Teacher
    from distill.student.config import DistillConfig


@dataclass(frozen=True)
class _Flattened:
    """Predictions of a batch, cell by cell over all levels: logits [B, C, A], boxes [B, 4, A]."""

    logits: Tensor
    boxes: Tensor


class Distillation(nn.Module):
    """The four losses, and the projectors that one of them learns with.

    Projectors exist only where features are distilled. No term grows with the size of a batch.

    Args:
        weights: of the losses, by the names in `TERMS`; 0 is off, and never computed.
        student_channels: of the student's features, level by level.
        teacher_channels: likewise.
        classes: the teacher's class id of each of the student's classes.
    """

    classes: Tensor

    def __init__(
        self,
        weights: Mapping[str, float],
        student_channels: Sequence[int],
        teacher_channels: Sequence[int],
        classes: Sequence[int],
    ) -> None:
        super().__init__()
        self.weights = weights
        self.feature = (
            FeatureLoss(student_channels, teacher_channels) if weights["feature"] else None
        )
        self.register_buffer("classes", torch.tensor(classes), persistent=False)

    def forward(self, student: Dense, teacher: Dense, scale: float = 1.0) -> dict[str, Tensor]:
        """Each loss that is on, times its weight and `scale`, by name.

        Args:
            student: with gradients.
            teacher: of the same batch; gets none.
            scale: 0 gives no losses at all.

        Raises:
            UsageError: the two don't have the same cells.
        """
        _check_same_cells(student, teacher)
        if not scale:
            return {}
        terms = self._terms(student, teacher)
        return {name: term * (self.weights[name] * scale) for name, term in terms.items()}

    def _terms(self, student: Dense, teacher: Dense) -> dict[str, Tensor]:
        on, terms = self.weights, {}
        if self.feature is not None:
            terms["feature"] = self.feature(student.features, teacher.features)
        if not (on["class_maps"] or on["boxes"] or on["masks"]):
            return terms
        ours = _Flattened(_flat(student.class_logits), _flat(student.boxes))
        own_classes = [level[:, self.classes] for level in teacher.class_logits]
        theirs = _Flattened(_flat(own_classes), _flat(teacher.boxes))
        if on["class_maps"]:
            terms["class_maps"] = class_map_loss(ours.logits, theirs.logits)
        if on["boxes"]:
            scores = theirs.logits.float().sigmoid().amax(dim=1)
            terms["boxes"] = box_loss(ours.boxes, theirs.boxes, scores)
        if on["masks"]:
            terms["masks"] = _masks(student, teacher, ours, theirs)
        return terms


def distillation_of(
    config: DistillConfig, teacher: Teacher, channels: Sequence[int], device: torch.device
) -> Distillation:
    """What a run learns from its teacher, on `device`.

    Args:
        config: the run.
        teacher: on `device`, too.
        channels: of the student's features, level by level.
        device: where the student is.

    Raises:
        UsageError: the teacher doesn't know one of the student's classes.
    """
    classes = classes_of_teacher(config, teacher)
    side = config.student.image_size
    predictions = teacher.dense(torch.zeros(1, 3, side, side, device=device))
    theirs = [level.shape[1] for level in predictions.features]
    return Distillation(config.distill.weights(), channels, theirs, classes).to(device)


def _masks(student: Dense, teacher: Dense, ours: _Flattened, theirs: _Flattened) -> Tensor:
    """The loss on masks, mean over all pairs of a student's cell and a teacher's object."""
    losses = [ours.boxes.new_zeros(0, dtype=torch.float32)]
    for image in range(len(ours.boxes)):
        found = teacher_instances(theirs.logits[image], theirs.boxes[image])
        cells, objects = match_cells(found, ours.logits[image], ours.boxes[image])
        if not len(cells):
            continue
        matched, objects = objects.unique(return_inverse=True)
        losses.append(
            mask_losses(
                student.mask_logits(image, cells),
                teacher.mask_logits(image, found.cells[matched]),
                found.boxes[matched],
                objects,
                student.mask_stride,
            )
        )
    pairs = torch.cat(losses)
    return pairs.sum() / max(len(pairs), 1)


def _flat(levels: Sequence[Tensor]) -> Tensor:
    """[B, C, h, w] of each level to [B, C, A] over all, finest first."""
    return torch.cat([level.flatten(2) for level in levels], dim=2)


def _check_same_cells(student: Dense, teacher: Dense) -> None:
    if student.strides != teacher.strides:
        raise UsageError(
            f"the teacher has cells of {_words(teacher.strides)} px, the student of "
            f"{_words(student.strides)}; take a teacher with the student's"
        )
    sizes, wanted = (
        [f"{level.shape[3]}x{level.shape[2]}" for level in dense.class_logits]
        for dense in (teacher, student)
    )
    if sizes != wanted:
        raise UsageError(
            f"the teacher's class maps are {_words(sizes)} cells, the student's {_words(wanted)}; "
            "give both the same picture"
        )


def _words(parts: Sequence[object]) -> str:
    return ", ".join(map(str, parts))
