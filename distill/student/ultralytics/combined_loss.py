"""Combined loss: Ultralytics' on labels and ours towards the teacher, stopped where one fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from distill.student.ultralytics.dense import dense_of
from distill.student.ultralytics.ignored_regions import CellLoss, ignored_cells, masked_out

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor, nn

    from distill.predict.predictor import Teacher


class NotFiniteError(Exception):
    """A loss is not finite.

    Args:
        terms: all, by name; of a head with two branches those of the second alone.
        images: files of the batch.
    """

    def __init__(self, terms: dict[str, float], images: Sequence[str]) -> None:
        super().__init__(terms, images)
        self.terms, self.images = terms, images


class CombinedLoss:
    """The loss of a batch: Ultralytics' own on labels, and ours towards a teacher.

    It stands where Ultralytics has its own, and a batch is what it is there. The teacher sees the
    very tensor that the student sees. Regions to ignore are out of every loss on labels; what the
    teacher predicts there is learned, doubts included.

    Attributes:
        step: the next step, counted from 0; it grows with every call.
        loss: of the last call, all terms together, of an image.
        terms: each of them; of YOLO26's on labels those of its head with one cell an object.

    Args:
        task: Ultralytics' loss of this student. Untyped, as is the network: what they are made
            of is `Tensor | Module` to PyTorch.
        student: the network; its last module is the head.
        distillation: our losses, or None for none.
        teacher: what they compare with, None with them.
        strength: factor of their weights at a step.
        names: of the terms that it gives where they are on.
    """

    def __init__(
        self,
        task: Any,
        student: Any,
        distillation: nn.Module | None,
        teacher: Teacher | None,
        strength: Callable[[int], float],
        names: Sequence[str] = (),
    ) -> None:
        self._task, self._distillation, self._teacher = task, distillation, teacher
        self._strength, self._names = strength, names
        head = student.model[-1]
        self._strides = tuple(int(stride) for stride in head.stride)
        device = next(student.parameters()).device
        self._bins = torch.arange(head.reg_max, dtype=torch.float32, device=device)
        self._cell_losses = []
        for part in (task.one2many, task.one2one) if hasattr(task, "one2many") else (task,):
            part.bce = CellLoss(part.bce)
            self._cell_losses.append(part.bce)
        self.step = 0
        self.loss = 0.0
        self.terms: dict[str, float] = {}

    def __call__(self, preds: Any, batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        """All terms times the images of the batch, as Ultralytics has it, and each alone.

        Raises:
            NotFiniteError: a term is NaN or infinite.
        """
        # The branch with several cells an object is the one that the teacher resembles.
        branches = [preds["one2many"], preds["one2one"]] if "one2many" in preds else [preds]
        raw = dict(branches[0])
        ignored = ignored_cells(batch, self._strides)
        for loss in self._cell_losses:
            loss.ignored = ignored
        for branch in branches:
            branch["proto"] = masked_out(branch["proto"], batch["ignored"])
        total, terms = self._task(preds, batch)
        strength = self._strength(self.step)
        if self._distillation is not None and strength:
            assert self._teacher is not None  # noqa: S101 __init__ takes both or none
            predictions = self._teacher.dense(batch["img"])
            student = dense_of(raw, self._strides, self._bins)
            extra = self._distillation(student, predictions, strength)
            total = torch.cat([total, torch.stack([*extra.values()]) * len(batch["img"])])
            terms = {**terms, **{name: term.detach() for name, term in extra.items()}}
        if not total.isfinite().all():
            values = {name: float(term) for name, term in terms.items()}
            raise NotFiniteError(values, batch.get("im_file", ()))
        self.step += 1
        self.loss = float(total.detach().sum()) / len(batch["img"])
        self.terms = {name: float(term) for name, term in terms.items()}
        return total, self._shown(terms)

    def update(self) -> None:
        """An epoch is over; a loss with two branches shifts its weight."""
        if hasattr(self._task, "update"):
            self._task.update()

    def go_to(self, step: int, epoch: int) -> None:
        """Stand where a run that is resumed stands."""
        self.step = step
        if hasattr(self._task, "update"):
            self._task.updates = epoch - 1
            self._task.update()

    def _shown(self, terms: dict[str, Tensor]) -> dict[str, Tensor]:
        """Every term in every step, because Ultralytics' table has fixed columns."""
        return {**terms, **{name: terms.get(name, torch.zeros(())) for name in self._names}}
