"""Checkpoints: what a stopped run goes on from, exactly, and what of it becomes the student."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from ultralytics.utils.torch_utils import strip_optimizer, unwrap_model

from distill.errors import OutputError, TrainingError
from distill.files import writing

if TYPE_CHECKING:
    from pathlib import Path

    from distill.student.ultralytics.student_trainer import StudentTrainer


def resume_state(trainer: StudentTrainer) -> dict[str, Any]:
    """All that a run needs to go on after its latest epoch.

    Raises:
        TrainingError: the weights are not finite; Ultralytics would save zeros in their place.
    """
    weights = unwrap_model(trainer.model).state_dict()
    if not all(value.isfinite().all() for value in weights.values()):
        raise TrainingError(
            f"the weights are not finite after epoch {trainer.epoch + 1}; lower schedule.lr, and "
            "begin anew with another --out"
        )
    fitness = trainer.best_fitness
    return {
        "epoch": trainer.epoch,
        "model": weights,
        "average": trainer.ema.ema.state_dict(),
        "updates": trainer.ema.updates,
        "optimizer": trainer.optimizer.state_dict(),
        "scaler": trainer.scaler.state_dict(),
        "best_fitness": None if fitness is None else float(fitness),
        "best_epoch": trainer.stopper.best_epoch,
        "stops": bool(trainer.stop),
    }


def restore(trainer: StudentTrainer, path: Path) -> None:
    """Put what `resume_state` gave, and a file holds, back into a trainer."""
    state = torch.load(path, map_location=trainer.device, weights_only=True)
    unwrap_model(trainer.model).load_state_dict(state["model"])
    trainer.ema.ema.load_state_dict(state["average"])
    trainer.ema.updates = state["updates"]
    trainer.optimizer.load_state_dict(state["optimizer"])
    trainer.scaler.load_state_dict(state["scaler"])
    trainer.best_fitness = state["best_fitness"]
    trainer.stopper.best_fitness = state["best_fitness"] or 0.0
    trainer.stopper.best_epoch = state.get("best_epoch", 0)
    trainer.start_epoch = state["epoch"] + 1


@dataclass(frozen=True)
class EpochsDone:
    """How far a run is.

    Attributes:
        count: epochs.
        best: which one was the best so far, counted from 1; 0 where none was measured.
        is_last: whether nothing comes after them.
    """

    count: int = 0
    best: int = 0
    is_last: bool = False


def epochs_done(path: Path) -> EpochsDone:
    """How far a run is, by its file to go on from; 0 epochs where there is none."""
    if not path.exists():
        return EpochsDone()
    state = torch.load(path, map_location="cpu", weights_only=True)
    return EpochsDone(
        int(state["epoch"]) + 1, state.get("best_epoch", 0), state.get("stops", False)
    )


def write_student(checkpoint: Path, path: Path) -> None:
    """Write the averaged weights of a checkpoint, and nothing else of it, whole or not at all.

    Raises:
        OutputError: the disk is full, or the place can't be written to.
    """
    new = path.with_suffix(".new")
    with writing(path):
        try:
            strip_optimizer(checkpoint, s=str(new))
        except RuntimeError as error:  # PyTorch does not say what the disk said
            new.unlink(missing_ok=True)
            raise OutputError(f"{path} can't be written; is the disk full?") from error
        os.replace(new, path)  # noqa: PTH105 the word for what it does
