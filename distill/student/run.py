"""A distillation, from its settings to the student's weights."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from distill.files import sha256_of
from distill.student.student_folder import StudentFolder

if TYPE_CHECKING:
    from pathlib import Path

    from distill.student.config import DistillConfig


def train_student(config: DistillConfig, device: str = "auto") -> Path:
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
    with closing(begun_folder(config)) as folder:
        if config.student.rtmdet_size:
            from distill.student.rtmdet.training import train_rtmdet  # noqa: PLC0415 one family a run

            return train_rtmdet(config, folder, device)
        from distill.student.ultralytics.training import train_ultralytics  # noqa: PLC0415 likewise

        return train_ultralytics(config, folder, device)


def begun_folder(config: DistillConfig) -> StudentFolder:
    """The folder of a run, held: new, or of this very run.

    Raises:
        UsageError: it is of another run, or another process is at work in it.
        InputError: a file that the run is made from is not there.
        OutputError: it can't be written to.
    """
    inputs = {str(path): sha256_of(path) for path in _inputs(config)}
    folder = StudentFolder(config.run)
    folder.begin(config, inputs)
    return folder


def _inputs(config: DistillConfig) -> list[Path]:
    """What the run is made from, images aside."""
    sources = (*config.data.labelled, *config.data.pseudo, config.data.val)
    weights = [config.teacher.weights] if config.uses_teacher else []
    if config.student.weights:
        weights.append(config.student.weights)
    return [*weights, *(source.annotations for source in sources)]
