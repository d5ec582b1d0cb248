"""RTMDet-Ins as a student: our own fine-tuning, with the losses of a teacher beside its labels."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import torch

from distill.errors import OutputError
from distill.finetune.metrics_log import read_metrics
from distill.finetune.trainer import finetune
from distill.predict.open import load_teacher
from distill.predict.rtmdet import dense_of, features_of
from distill.run_folder import RunFolder
from distill.student.config import TERMS
from distill.student.distillation import distillation_of
from distill.student.rtmdet.finetune_config import finetuning_of
from models.nets.sizes import STRIDES
from models.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from distill.finetune.batch import Batch
    from distill.predict.predictor import Teacher
    from distill.student.config import DistillConfig
    from models.nets.head import RawOutputs
    from models.nets.rtmdet_ins import RTMDetIns

STUDENT = "student.safetensors"


def distil_rtmdet(config: DistillConfig, device: str = "auto") -> Path:
    """Train a student, or go on with it; see `distill.student.run.distil`.

    Nothing random is drawn after the start, and the projectors after the network, so that a run
    whose teacher is silent is the control to the last digit.

    Args:
        config: the run; its student is an RTMDet-Ins.
        device: auto, cpu or cuda.
    """
    student = config.run / STUDENT
    if student.exists():
        return student
    settings = finetuning_of(config)
    folder = RunFolder(settings.run)

    def beside(net: RTMDetIns, place: torch.device) -> Lesson:
        teacher = load_teacher(config.teacher.weights, device=str(place))
        return Lesson(config, teacher, net, place)

    try:
        finetune(settings, device, beside if config.distils else None)
    finally:  # a run that failed is read, too
        _write_losses(config, folder.metrics)
    _write(student, folder.last.read_bytes())
    return student


class Lesson:
    """What a student learns from a teacher; see `distill.finetune.auxiliary_losses.Companion`.

    Args:
        config: the run.
        teacher: on `device`.
        net: the student, which is listened to from now on.
        device: where it is.

    Raises:
        UsageError: the teacher doesn't know one of the student's classes.
    """

    def __init__(
        self, config: DistillConfig, teacher: Teacher, net: RTMDetIns, device: torch.device
    ) -> None:
        self._config, self._teacher = config, teacher
        self._parts = features_of(net)
        self._heard: dict[nn.Module, Tensor] = {}
        for part in self._parts:
            part.register_forward_hook(self._hear)
        channels = [net.size.head_channels] * len(STRIDES)
        self.module = distillation_of(config, teacher, channels, device)

    def losses(self, raw: RawOutputs, batch: Batch, step: int) -> dict[str, Tensor]:
        """What the student has just said, against what the teacher says of the same images."""
        features = [self._heard.pop(part) for part in self._parts]
        strength = self._config.strength(step)
        if not strength:
            return {}
        answer = self._teacher.dense(batch.rgb.float() / 255)
        with torch.autocast(raw.mask_features.device.type, enabled=False):
            return self.module(dense_of(features, raw), answer, strength)

    def _hear(self, part: nn.Module, _inputs: object, output: Tensor) -> None:
        self._heard[part] = output


def _write_losses(config: DistillConfig, metrics: Path) -> None:
    """The steps of `finetune`'s log as those of every student are written."""
    lines = []
    for line in read_metrics(metrics):
        if "loss" not in line:
            continue
        terms = {
            name: value for name, value in line.items() if name.startswith("loss_") or name in TERMS
        }
        lines.append({key: line[key] for key in ("step", "loss", "seconds")} | {"terms": terms})
    if lines:  # else it may have failed before there was a folder
        _write(config.losses, b"".join(json.dumps(line).encode() + b"\n" for line in lines))


def _write(path: Path, content: bytes) -> None:
    try:
        with whole_file(path) as file:
            file.write(content)
    except OSError as error:
        raise OutputError(f"{path} can't be written: {error.strerror}") from error
