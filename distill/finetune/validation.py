"""Validation: how good the averaged network is by now, by the same code as `evaluate`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from distill.errors import InputError
from distill.evaluate.evaluator import CONFIDENCE, MIN_SCORE, evaluate
from distill.finetune.samples_page import drawn_instances, grid
from distill.finetune.snapshot import tensors_of
from distill.predict.rtmdet import RtmdetTeacher
from models.nets.checkpoint import Checkpoint

if TYPE_CHECKING:
    import torch

    from distill.data.coco import CocoDataset
    from distill.evaluate.metrics import Evaluation
    from distill.finetune.samples_page import Image
    from distill.predict.predictor import Predictor
    from models.instances import Instances
    from models.nets.rtmdet_ins import RTMDetIns

_PICTURES = 4


def predictor_of(net: RTMDetIns, image_size: int, device: torch.device) -> RtmdetTeacher:
    """The network as users will run it; a copy."""
    checkpoint = Checkpoint(
        size=net.size.name,
        classes=tuple(map(str, range(net.classes))),
        state=tensors_of(net),
        sha256="",
        source="",
        source_sha256="",
        image_size=image_size,
    )
    return RtmdetTeacher(checkpoint, device=str(device))


def measured(predictor: Predictor, val: CocoDataset) -> Evaluation:
    """Average precision, and the working point at the usual confidence."""

    def predict(images: list[Image]) -> list[Instances]:
        return predictor.predict(images, min_score=MIN_SCORE)

    return evaluate(predict, val)


def pictured(predictor: Predictor, val: CocoDataset) -> Image:
    """What the network finds in a few images from all over the dataset, side by side."""
    numbers = np.linspace(0, len(val.images) - 1, min(_PICTURES, len(val.images))).astype(int)
    images = []
    for number in numbers:
        with suppress(InputError):  # the evaluation has said so
            images.append(val.images[number].read())
    found = predictor.predict(images, min_score=CONFIDENCE)
    return grid([drawn_instances(*pair) for pair in zip(images, found, strict=True)])
