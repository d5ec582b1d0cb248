"""A student of Ultralytics', trained by their trainer, and the run in their words."""

from __future__ import annotations

import shutil
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

from distill.device import device_of
from distill.errors import UsageError
from distill.student.check_weights import check_weights

if TYPE_CHECKING:
    from pathlib import Path

    from distill.student.config import DistillConfig
    from distill.student.student_folder import StudentFolder

_FLOOR = 0.02
"""Where the cosine of the learning rate ends, as a share of its peak; chosen, not measured."""


def train_ultralytics(config: DistillConfig, folder: StudentFolder, device: str = "auto") -> Path:
    """Train a student, or go on with it; see `distill.student.run.train_student`.

    Args:
        config: the run; its student is a network of Ultralytics'.
        folder: the run's, begun.
        device: auto, cpu, cuda, or numbers of GPUs such as 0,1.
    """
    student = folder.student(".pt")
    if not student.exists():
        _train(config, folder, device, student)
    shutil.rmtree(folder.resume.parent, ignore_errors=True)  # nobody goes on from there now
    return student


def _train(config: DistillConfig, folder: StudentFolder, device: str, student: Path) -> None:
    from distill.student.ultralytics.checkpoints import (  # noqa: PLC0415 takes seconds
        epochs_done,
        write_student,
    )
    from distill.student.ultralytics.student_trainer import StudentTrainer  # noqa: PLC0415

    done = epochs_done(folder.resume)
    with redirect_stdout(sys.stderr):  # its progress bars
        epochs = config.schedule.epochs
        if done.count < epochs and not done.is_last:
            words = overrides(config, folder, device, resumes=done.count > 0)
            if not done.count:
                check_weights(config)
            StudentTrainer(overrides=words).train()
            done = epochs_done(folder.resume)
        if done.count < epochs:
            print(  # noqa: T201 where Ultralytics' progress goes
                f"no better since epoch {done.best}; epoch {done.count} of {epochs} is the last"
            )
        write_student(folder.best if config.schedule.patience else folder.checkpoint, student)


def overrides(
    config: DistillConfig, folder: StudentFolder, device: str, *, resumes: bool = False
) -> dict[str, Any]:
    """The run in Ultralytics' words.

    Raises:
        UsageError: there is no such device, or it does not go with the settings.
    """
    schedule, student, precision = config.schedule, config.student, config.precision
    if device.replace(",", "").isdigit():  # such as 0,1: Ultralytics starts a process each
        theirs, gpus = device, device.split(",")
        for gpu in gpus:
            device_of(f"cuda:{gpu}")
        if schedule.batch_size % len(gpus):
            raise UsageError(f"schedule.batch_size is no multiple of the GPUs in --device {device}")
    else:
        found = device_of(device)
        theirs = "cpu" if found.type == "cpu" else str(found.index or 0)
    on_gpu = theirs != "cpu"
    if precision == "fp16" and not on_gpu:
        raise UsageError("precision: fp16 needs a GPU; take auto, or bf16 where the CPU has it")
    start = f"{student.model}.yaml" if student.model else student.weights
    return {
        **config.augmentation,
        "model": str(folder.checkpoint if resumes else start),
        "resume": str(folder.checkpoint) if resumes else False,
        "pretrained": str(student.weights) if student.weights else False,
        "data": str(folder.config),
        "save_dir": str(folder.training),
        "imgsz": student.image_size,
        "epochs": schedule.epochs,
        "batch": schedule.batch_size,
        "nbs": schedule.batch_size,
        "optimizer": "AdamW",
        "lr0": schedule.lr,
        "lrf": _FLOOR,
        "momentum": 0.9,
        "cos_lr": True,
        "warmup_epochs": schedule.warmup_epochs,
        "warmup_bias_lr": 0.0,
        "close_mosaic": schedule.close_mosaic,
        "patience": schedule.patience,
        "seed": config.seed,
        "workers": config.workers,
        "amp": on_gpu and {"auto": "bf16", "fp32": False, "bf16": "bf16", "fp16": True}[precision],
        "device": theirs,
        "val": schedule.patience > 0,
        "verbose": False,
    }
