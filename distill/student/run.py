"""A distillation, from its settings to the student's weights."""

from __future__ import annotations

import shutil
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import yaml

from distill.errors import OutputError, UsageError
from distill.lock import Lock
from distill.student.config import read_config
from distill.teacher.device import device_of
from distill.train.document import first_change
from models.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path

    from distill.student.config import DistillConfig

_STUDENT = "student.pt"


def distil(config: DistillConfig, device: str = "auto") -> Path:
    """Train a student, or go on with it; nothing happens where it is done.

    Args:
        config: the run.
        device: auto, cpu, cuda, or numbers of GPUs such as 0,1.

    Returns:
        Its weights: `student.pt` of Ultralytics or `student.safetensors` of RTMDet-Ins, averaged
        over the steps, without anything of the teacher.

    Raises:
        UsageError: the folder is of another run, or a setting is off.
        InputError: images can't be used.
        ModelError: weights can't be read.
        OutputError: the folder can't be written to.
        TrainingError: a loss is not finite.
    """
    lock = _begin(config)
    try:
        if config.student.rtmdet_size:
            from distill.student.rtmdet import distil_rtmdet  # noqa: PLC0415 one family a run

            return distil_rtmdet(config, device)
        student = config.run / _STUDENT
        if not student.exists():
            _train(config, device)
            with whole_file(student) as file, (config.run / "weights/last.pt").open("rb") as last:
                shutil.copyfileobj(last, file)
        return student
    finally:
        lock.close()


def _begin(config: DistillConfig) -> Lock:
    """Make the folder, or see that it is of this very run."""
    saved = config.run / "config.yaml"
    try:
        config.run.mkdir(parents=True, exist_ok=True)
        lock = Lock(config.run)
        if saved.exists():
            _same_run(config, read_config(saved))
        elif any(not path.name.startswith(".") for path in config.run.iterdir()):
            raise UsageError(f"{config.run} is there and is no run of ours; give another --out")
        with whole_file(saved) as file:
            content = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)
            file.write(content.encode())
    except OSError as error:
        raise OutputError(f"{config.run} can't be written to: {error.strerror}") from error
    return lock


def _same_run(config: DistillConfig, before: DistillConfig) -> None:
    change = first_change(before, config, free=("run", "workers"))
    if change:
        raise UsageError(
            f"{config.run} was begun with {change}; give another --out, or delete the folder to "
            "begin anew"
        )


def _train(config: DistillConfig, device: str) -> None:
    from distill.student.trainer import RESUME, StudentTrainer  # noqa: PLC0415 takes seconds

    last = config.run / "weights/last.pt"
    going_on = last.exists() and (last.parent / RESUME).exists()
    trainer = StudentTrainer(overrides=_settings(config, device, last if going_on else None))
    with redirect_stdout(sys.stderr):  # its progress bars
        trainer.train()


def _settings(config: DistillConfig, device: str, last: Path | None) -> dict[str, Any]:
    """The run in Ultralytics' words."""
    schedule, student, precision = config.schedule, config.student, config.precision
    several = device.replace(",", "").isdigit()  # such as 0,1: Ultralytics starts a process each
    place = device if several else str(device_of(device)).replace("cuda", "0")
    on_gpu = place != "cpu"
    if precision == "fp16" and not on_gpu:
        raise UsageError("precision: fp16 needs a GPU; take auto, or bf16 where the CPU has it")
    return {
        **config.augmentation,
        "model": str(last) if last else f"{student.model}.yaml",
        "resume": str(last) if last else False,
        "pretrained": str(student.weights) if student.weights else False,
        "data": str(config.run / "config.yaml"),
        "save_dir": str(config.run),
        "imgsz": student.image_size,
        "epochs": schedule.epochs,
        "batch": schedule.batch_size,
        "nbs": schedule.batch_size,
        "optimizer": "AdamW",
        "lr0": schedule.lr,
        "lrf": 0.02,
        "momentum": 0.9,
        "cos_lr": True,
        "warmup_epochs": schedule.warmup_epochs,
        "warmup_bias_lr": 0.0,
        "close_mosaic": schedule.close_mosaic,
        "patience": 0,
        "seed": config.seed,
        "workers": config.workers,
        "amp": on_gpu and {"auto": "bf16", "fp32": False, "bf16": "bf16", "fp16": True}[precision],
        "device": place,
        "val": False,
        "verbose": False,
    }
