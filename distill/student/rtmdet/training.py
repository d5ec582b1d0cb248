"""RTMDet-Ins as a student: our own fine-tuning, with the losses of a teacher added to its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import torch

from distill.files import writing
from distill.finetune.finetune_folder import FinetuneFolder
from distill.finetune.metrics_log import read_metrics
from distill.finetune.trainer import finetune
from distill.predict.open import load_teacher
from distill.predict.rtmdet import dense_of, features_of
from distill.student.config import TERMS
from distill.student.distillation import distillation_of
from distill.student.rtmdet.finetune_config import finetune_config_of
from models.nets.sizes import STRIDES
from models.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from distill.finetune.batch import Batch
    from distill.predict.predictor import Teacher
    from distill.student.config import DistillConfig
    from distill.student.student_folder import StudentFolder
    from models.nets.head import RawOutputs
    from models.nets.rtmdet_ins import RTMDetIns


def train_rtmdet(config: DistillConfig, folder: StudentFolder, device: str = "auto") -> Path:
    """Train a student, or go on with it; see `distill.student.run.train_student`.

    Nothing random is drawn after the start, and the projectors after the network, so that a run
    whose teacher has no say is the control to the last digit.

    Args:
        config: the run; its student is an RTMDet-Ins.
        folder: the run's, begun.
        device: auto, cpu or cuda.
    """
    student = folder.student(".safetensors")
    if student.exists():
        return student
    settings = finetune_config_of(config)
    files = FinetuneFolder(settings.run)

    def hook(net: RTMDetIns, where: torch.device) -> DistillationHook:
        teacher = load_teacher(config.teacher.weights, device=str(where))
        return DistillationHook(config, teacher, net, where)

    try:
        with writing(settings.run):
            finetune(settings, device, hook if config.uses_teacher else None)
    finally:  # a run that failed is read, too
        _write_losses(folder.losses, files.metrics)
    made = files.best if config.schedule.patience else files.last
    _write(student, made.read_bytes())
    return student


class DistillationHook:
    """A teacher's losses on a network in training, whose features it gets by forward hooks.

    Attributes:
        module: see `distill.finetune.auxiliary_losses.AuxiliaryLosses`.

    Args:
        config: the run.
        teacher: on `device`.
        net: the student; gets the hooks, for good.
        device: where it is.

    Raises:
        UsageError: the teacher doesn't know one of the student's classes.
    """

    def __init__(
        self, config: DistillConfig, teacher: Teacher, net: RTMDetIns, device: torch.device
    ) -> None:
        self._config, self._teacher = config, teacher
        self._parts = features_of(net)
        self._features: dict[nn.Module, Tensor] = {}
        for part in self._parts:
            part.register_forward_hook(self._keep)
        channels = [net.size.head_channels] * len(STRIDES)
        self.module = distillation_of(config, teacher, channels, device)

    def losses(self, raw: RawOutputs, batch: Batch, step: int) -> dict[str, Tensor]:
        """The terms between what the student has just put out and the teacher does on the same images."""
        features = [self._features.pop(part) for part in self._parts]
        strength = self._config.strength(step)
        if not strength:
            return {}
        predictions = self._teacher.dense(batch.rgb.float() / 255)
        with torch.autocast(raw.mask_features.device.type, enabled=False):
            terms: dict[str, Tensor] = self.module(dense_of(features, raw), predictions, strength)
        return terms

    def _keep(self, part: nn.Module, _inputs: object, output: Tensor) -> None:
        self._features[part] = output


def _write_losses(losses: Path, metrics: Path) -> None:
    """Write the steps of `finetune`'s log as those of every student are written."""
    lines = []
    for line in read_metrics(metrics):
        if "loss" not in line:
            continue
        terms = {
            name: value for name, value in line.items() if name.startswith("loss_") or name in TERMS
        }
        lines.append({key: line[key] for key in ("step", "loss", "seconds")} | {"terms": terms})
    if lines:  # else it may have failed before there was a folder
        _write(losses, b"".join(json.dumps(line).encode() + b"\n" for line in lines))


def _write(path: Path, content: bytes) -> None:
    with writing(path), whole_file(path) as file:
        file.write(content)
