"""RTMDetInsSepBNHead: classes, boxes and mask kernels at every cell (`rtmdet_ins_head.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from models.nets.blocks import BN_EPS, BN_MOMENTUM, ConvModule
from models.nets.dynamic import PARAMETERS, PROTOTYPES
from models.nets.sizes import STRIDES

if TYPE_CHECKING:
    from torch import Tensor

    from models.nets.sizes import Size

_TOWER_CONVS = 2
_FEATURE_CONVS = 4


class RawOutputs(NamedTuple):
    """What the network gives for a batch, finest level first.

    Attributes:
        class_logits: three of [B, classes, h, w], before the sigmoid.
        distances: three of [B, 4, h, w]: left, top, right, bottom of the prior, input pixels.
        kernels: three of [B, 169, h, w]; see `models.nets.dynamic`.
        mask_features: [B, 8, H / 8, W / 8].
    """

    class_logits: tuple[Tensor, ...]
    distances: tuple[Tensor, ...]
    kernels: tuple[Tensor, ...]
    mask_features: Tensor


class _TwiceCountedNorm(nn.BatchNorm2d):
    """Batch norm of a tower that the original runs twice over the same maps.

    Running once gives the same outputs; the running statistics have to take two steps.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=BN_EPS, momentum=1 - (1 - BN_MOMENTUM) ** 2)

    def forward(self, x: Tensor) -> Tensor:
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        return super().forward(x)


class MaskFeatModule(nn.Module):
    """Fuses the three levels to the eight mask features that all instances share."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fusion_conv = nn.Conv2d(len(STRIDES) * channels, channels, 1)
        self.stacked_convs = nn.Sequential(
            *(ConvModule(channels, channels, 3) for _ in range(_FEATURE_CONVS))
        )
        self.projection = nn.Conv2d(channels, PROTOTYPES, 1)

    def forward(self, maps: tuple[Tensor, ...]) -> Tensor:
        """Three of [B, channels, h, w] to [B, 8, h, w] of the finest."""
        size = maps[0].shape[2:]
        coarse = [functional.interpolate(x, size=size, mode="bilinear") for x in maps[1:]]
        fused = self.fusion_conv(torch.cat([maps[0], *coarse], dim=1))
        out: Tensor = self.projection(self.stacked_convs(fused))
        return out


class RTMDetInsSepBNHead(nn.Module):
    """Towers of each level share their convolutions, not their batch norms.

    `reg_convs` is `cls_convs`: the original appends the one to the other by a slip
    (mmdetection #9835), and every published weight was trained so. The tower runs once here.
    The kernel towers share nothing.
    """

    def __init__(self, size: Size, classes: int) -> None:
        super().__init__()
        channels = size.head_channels
        towers = [_tower(channels) for _ in STRIDES]
        for tower in towers:
            for conv, first in zip(tower, towers[0], strict=True):
                conv.conv, conv.bn = first.conv, _TwiceCountedNorm(channels)
        self.cls_convs = nn.ModuleList(nn.Sequential(*tower) for tower in towers)
        self.reg_convs = self.cls_convs
        self.kernel_convs = nn.ModuleList(nn.Sequential(*_tower(channels)) for _ in STRIDES)
        self.rtm_cls = nn.ModuleList(nn.Conv2d(channels, classes, 1) for _ in STRIDES)
        self.rtm_reg = nn.ModuleList(nn.Conv2d(channels, 4, 1) for _ in STRIDES)
        self.rtm_kernel = nn.ModuleList(nn.Conv2d(channels, PARAMETERS, 1) for _ in STRIDES)
        self.mask_head = MaskFeatModule(channels)

    def forward(self, maps: tuple[Tensor, ...]) -> RawOutputs:
        """Three of [B, channels, h, w], from the neck."""
        logits, distances, kernels = [], [], []
        for level, (x, stride) in enumerate(zip(maps, STRIDES, strict=True)):
            seen, drawn = self.cls_convs[level](x), self.kernel_convs[level](x)
            logits.append(self.rtm_cls[level](seen))
            distances.append(self.rtm_reg[level](seen).relu() * stride)
            kernels.append(self.rtm_kernel[level](drawn))
        return RawOutputs(tuple(logits), tuple(distances), tuple(kernels), self.mask_head(maps))


def _tower(channels: int) -> list[ConvModule]:
    return [ConvModule(channels, channels, 3) for _ in range(_TOWER_CONVS)]
