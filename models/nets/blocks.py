"""Building blocks of CSPNeXt (mmdetection: `mmdet/models/layers/csp_layer.py`; mmcv: `ConvModule`).

Submodules carry the original's names, so that a published state dict loads strictly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

BN_EPS = 1e-5
"""The class defaults of mmdetection say 1e-3, but every RTMDet config replaces them."""

BN_MOMENTUM = 0.1


class ConvModule(nn.Module):
    """Convolution, batch norm, SiLU."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False
        )
        self.bn = nn.BatchNorm2d(outputs, eps=BN_EPS, momentum=BN_MOMENTUM)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, h, w] to [B, outputs, h / stride, w / stride]."""
        return functional.silu(self.bn(self.conv(x)), inplace=True)


class DepthwiseSeparableConvModule(nn.Module):
    """A convolution of each channel by itself, then one across channels."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.depthwise_conv = ConvModule(inputs, inputs, kernel, groups=inputs)
        self.pointwise_conv = ConvModule(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, h, w] to [B, outputs, h, w]."""
        out: Tensor = self.pointwise_conv(self.depthwise_conv(x))
        return out


class CSPNeXtBlock(nn.Module):
    """3x3, then depthwise separable 5x5, and the input again where `add_identity`."""

    def __init__(self, channels: int, *, add_identity: bool) -> None:
        super().__init__()
        self.conv1 = ConvModule(channels, channels, 3)
        self.conv2 = DepthwiseSeparableConvModule(channels, channels, 5)
        self.add_identity = add_identity

    def forward(self, x: Tensor) -> Tensor:
        """[B, channels, h, w], unchanged in shape."""
        out: Tensor = self.conv2(self.conv1(x))
        return out + x if self.add_identity else out


class ChannelAttention(nn.Module):
    """Weighs each channel by what the whole map looks like."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, channels, h, w], unchanged in shape."""
        return x * functional.hardsigmoid(self.fc(x.mean((2, 3), keepdim=True)))


class CSPLayer(nn.Module):
    """Half of the channels goes through the blocks, half around them."""

    def __init__(
        self, inputs: int, outputs: int, blocks: int, *, add_identity: bool, attention: bool
    ) -> None:
        super().__init__()
        middle = outputs // 2
        self.main_conv = ConvModule(inputs, middle, 1)
        self.short_conv = ConvModule(inputs, middle, 1)
        self.final_conv = ConvModule(2 * middle, outputs, 1)
        self.blocks = nn.Sequential(
            *(CSPNeXtBlock(middle, add_identity=add_identity) for _ in range(blocks))
        )
        if attention:
            self.attention = ChannelAttention(2 * middle)
        self.attends = attention

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, h, w] to [B, outputs, h, w]."""
        both = torch.cat([self.blocks(self.main_conv(x)), self.short_conv(x)], dim=1)
        out: Tensor = self.final_conv(self.attention(both) if self.attends else both)
        return out


class SPPBottleneck(nn.Module):
    """Max pools of three sizes beside one another (He et al., 2014), not chained as in SPPF."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = ConvModule(channels, channels // 2, 1)
        self.conv2 = ConvModule(channels // 2 * 4, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, channels, h, w], unchanged in shape."""
        x = self.conv1(x)
        # A pool of 9 is a pool of 5 over a pool of 5: the same values for a third of the work.
        pooled = [x]
        for _ in range(3):
            pooled.append(functional.max_pool2d(pooled[-1], 5, stride=1, padding=2))
        out: Tensor = self.conv2(torch.cat(pooled, dim=1))
        return out
