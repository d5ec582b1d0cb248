"""Finetune config: the run of an RTMDet-Ins student in the words of `sfumato-distill finetune`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from distill.errors import UsageError
from distill.finetune.config import FinetuneConfig
from distill.settings.document import first_fault
from distill.student.student_folder import StudentFolder
from models.nets.checkpoint import read_checkpoint
from models.nets.head_choice import FRESH

if TYPE_CHECKING:
    from distill.student.config import DistillConfig

_AUGMENTATION = {
    "mosaic": "mosaic",
    "mixup": "mixup",
    "fliplr": "flip",
    "hsv_h": "hue",
    "hsv_s": "saturation",
    "hsv_v": "brightness",
}
"""Ultralytics' words and ours; `scale`, the share by which an image grows or shrinks, is two."""


def finetune_config_of(config: DistillConfig) -> FinetuneConfig:
    """The same run without a teacher.

    Raises:
        UsageError: a setting is not for RTMDet-Ins.
        ModelError: the weights to start from can't be used.
    """
    schedule, data, student = config.schedule, config.data, config.student
    epoch = config.steps // schedule.epochs
    labelled_share = data.labelled_share if data.pseudo else 1.0
    content = {
        "run": StudentFolder(config.run).training,
        "model": {
            "size": student.rtmdet_size,
            "weights": student.weights,
            "head": _head(config),
            "classes": student.classes,
            "image_size": student.image_size,
        },
        "data": {
            "own": data.labelled,
            "public": data.pseudo,
            "public_empty": True,  # the teacher looked, and found nothing
            "balance": data.balance,
            "val": data.val,
        },
        "stages": [
            {
                "name": "all",
                "trains": "all",
                "steps": config.steps,
                "lr": schedule.lr,
                "own_share": labelled_share if data.labelled else 0.0,
                "strong_share": max(0.0, 1 - schedule.close_mosaic / schedule.epochs),
            }
        ],
        "augmentation": _augmentation(config.augmentation),
        "schedule": {"warmup_steps": round(schedule.warmup_epochs * epoch)},
        "batch_size": schedule.batch_size,
        "precision": config.precision,
        "seed": config.seed,
        "workers": config.workers,
        "logger": config.logger,
        # Without patience at the end alone: nothing is chosen by data.val.
        "evaluate_every": epoch if schedule.patience else config.steps,
        "patience": schedule.patience,
        "checkpoint_every": epoch,
    }
    try:
        return FinetuneConfig.model_validate(content)
    except ValidationError as error:
        raise UsageError(
            f"{student.name} can't be trained so: {first_fault(error, FinetuneConfig)}"
        ) from error


def _head(config: DistillConfig) -> str:
    """A class layer for other classes starts anew."""
    student = config.student
    if student.weights is None:
        return "keep"
    known = read_checkpoint(student.weights, size=student.rtmdet_size).classes
    return "keep" if known == student.classes else FRESH


def _augmentation(theirs: dict[str, float]) -> dict[str, float]:
    ours: dict[str, float] = {}
    for name, value in theirs.items():
        if name == "scale":
            ours |= {"scale_min": 1 - value, "scale_max": 1 + value}
        elif name in _AUGMENTATION:
            ours[_AUGMENTATION[name]] = value
        else:
            raise UsageError(
                f"augmentation.{name} is not for RTMDet-Ins, which knows scale, "
                f"{', '.join(_AUGMENTATION)}; leave it out"
            )
    return ours
