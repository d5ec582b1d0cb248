"""Batch: samples as the network and its losses take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from distill.rtmdet.criterion import Targets
from models.decode.rtmdet_ins import input_spec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

    from distill.finetune.samples import Sample


class Batch(NamedTuple):
    """What a step learns from.

    Attributes:
        images: float32 [B, 3, S, S], BGR, normalised.
        targets: one for each image.
        paths: the files that each image is made of.
        problems: what had to be left out.
        rgb: the same images as uint8 [B, 3, S, S], for networks that are fed otherwise.
    """

    images: Tensor
    targets: list[Targets]
    paths: list[tuple[Path, ...]]
    problems: list[str]
    rgb: Tensor


def batch_of(samples: Sequence[Sample], device: torch.device) -> Batch:
    """Samples on a device."""
    pictures = [sample.picture for sample in samples]
    images = torch.stack([picture.image for picture in pictures]).to(device)
    return Batch(
        normalised(images),
        [
            Targets(
                picture.boxes.to(device),
                picture.labels.to(device),
                picture.masks.to(device) > 0,
                picture.ignore.to(device) > 0,
            )
            for picture in pictures
        ],
        [picture.paths for picture in pictures],
        [problem for sample in samples for problem in sample.problems],
        images,
    )


def normalised(images: Tensor) -> Tensor:
    """RGB uint8 [B, 3, H, W] as the network is fed at inference, channels last for speed."""
    spec = input_spec()
    mean, std = (
        torch.tensor(values, device=images.device)[:, None, None]
        for values in (spec.mean, spec.std)
    )
    bgr = images.flip(1).float()
    return ((bgr - mean) / std).contiguous(memory_format=torch.channels_last)
