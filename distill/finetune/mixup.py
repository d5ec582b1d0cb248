"""Mixup: two images blended into one (Zhang et al., 2018), with the objects of both."""

from __future__ import annotations

import torch

from distill.finetune.picture import Picture


def mixup(first: Picture, second: Picture) -> Picture:
    """The mean of two pictures of one size, as RTMDet has it (`CachedMixUp`, ratio 1:1)."""
    return Picture(
        ((first.image.int() + second.image.int() + 1) // 2).to(torch.uint8),
        torch.cat([first.masks, second.masks]),
        torch.cat([first.labels, second.labels]),
        torch.cat([first.areas, second.areas]),
        first.ignore | second.ignore,
        (*first.paths, *second.paths),
    )
