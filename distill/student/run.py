"""A distillation, from its settings to the student's weights."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import yaml

from distill.data.clips import sha256_of
from distill.device import device_of
from distill.errors import OutputError, TrainingError, UsageError
from distill.lock import Lock
from distill.run_folder import RunFolder
from distill.settings.document import first_change
from distill.student.check_weights import check_start
from distill.student.config import read_config
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
        InputError: images can't be used, or a file is not there.
        ModelError: weights can't be read.
        OutputError: the folder can't be written to.
        TrainingError: a loss is not finite, or memory is short.
    """
    lock = _begin(config)
    try:
        if config.student.rtmdet_size:
            from distill.student.rtmdet.training import distil_rtmdet  # noqa: PLC0415 one family a run

            return distil_rtmdet(config, device)
        student = config.run / _STUDENT
        if not student.exists():
            _train(config, device, student)
        shutil.rmtree(config.resume.parent, ignore_errors=True)  # nobody goes on from there now
        return student
    finally:
        lock.close()


def _begin(config: DistillConfig) -> Lock:
    """Make the folder, or see that it is of this very run."""
    saved, inputs = config.run / "config.yaml", config.run / "inputs.json"
    digests = {str(path): sha256_of(path) for path in _files(config)}
    try:
        config.run.mkdir(parents=True, exist_ok=True)
        lock = Lock(config.run)
        if not saved.exists():
            if any(not path.name.startswith(".") for path in config.run.iterdir()):
                raise UsageError(f"{config.run} is there and is no run of ours; give another --out")
        elif _has_learned(config):
            _same_run(config, read_config(saved), digests, json.loads(inputs.read_bytes()))
        content = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)
        for path, text in ((saved, content), (inputs, json.dumps(digests, indent=1))):
            with whole_file(path) as file:
                file.write(text.encode())
    except OSError as error:
        raise OutputError(f"{config.run} can't be written to: {error.strerror}") from error
    return lock


def _files(config: DistillConfig) -> list[Path]:
    """What the run is made from, images aside."""
    sources = (*config.data.labelled, *config.data.pseudo, config.data.val)
    weights = [config.teacher.weights] if config.distils else []
    if config.student.weights:
        weights.append(config.student.weights)
    return [*weights, *(source.annotations for source in sources)]


def _has_learned(config: DistillConfig) -> bool:
    """Whether there is something to lose, or to go on from."""
    going_on = config.resume, RunFolder(config.training).snapshot
    return any(path.exists() for path in (*going_on, *config.run.glob("student.*")))


def _same_run(
    config: DistillConfig, before: DistillConfig, now: dict[str, str], then: dict[str, str]
) -> None:
    change = first_change(before, config, free=("run", "workers"))
    if not change:
        change = next((f"another {path}" for path in now if now[path] != then.get(path)), None)
    if change:
        raise UsageError(
            f"{config.run} was begun with {change}; give another --out, or delete the folder to "
            "begin anew"
        )


def _train(config: DistillConfig, device: str, student: Path) -> None:
    from distill.student.ultralytics.student_trainer import (  # noqa: PLC0415 takes seconds
        StudentTrainer,
        epochs_done,
        write_student,
    )

    last = config.resume.parent / "last.pt"
    done = epochs_done(config)
    with redirect_stdout(sys.stderr):  # its progress bars
        if done < config.schedule.epochs:
            settings = _settings(config, device, last if done else None)
            if not done:
                check_start(config)
            try:
                StudentTrainer(overrides=settings).train()
            except subprocess.CalledProcessError as error:
                raise TrainingError("one of the processes failed; it said why above") from error
        write_student(last, student)


def _settings(config: DistillConfig, device: str, last: Path | None) -> dict[str, Any]:
    """The run in Ultralytics' words."""
    schedule, student, precision = config.schedule, config.student, config.precision
    if device.replace(",", "").isdigit():  # such as 0,1: Ultralytics starts a process each
        place, gpus = device, device.split(",")
        for gpu in gpus:
            device_of(f"cuda:{gpu}")
        if schedule.batch_size % len(gpus):
            raise UsageError(f"schedule.batch_size is no multiple of the GPUs in --device {device}")
    else:
        found = device_of(device)
        place = "cpu" if found.type == "cpu" else str(found.index or 0)
    on_gpu = place != "cpu"
    if precision == "fp16" and not on_gpu:
        raise UsageError("precision: fp16 needs a GPU; take auto, or bf16 where the CPU has it")
    return {
        **config.augmentation,
        "model": str(last or (f"{student.model}.yaml" if student.model else student.weights)),
        "resume": str(last) if last else False,
        "pretrained": str(student.weights) if student.weights else False,
        "data": str(config.run / "config.yaml"),
        "save_dir": str(config.training),
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
