"""CSPNeXt-PAFPN: coarse maps inform fine ones, then the other way (`cspnext_pafpn.py`, mmdetection)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from models.nets.blocks import ConvModule, CSPLayer

if TYPE_CHECKING:
    from torch import Tensor

    from models.nets.sizes import Size


class CSPNeXtPAFPN(nn.Module):
    """Path aggregation over three levels (Liu et al., 2018) in CSPNeXt blocks."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        fine, middle, coarse = size.channels[-3:]

        def layer(inputs: int, outputs: int) -> CSPLayer:
            return CSPLayer(inputs, outputs, size.neck_blocks, add_identity=False, attention=False)

        self.reduce_layers = nn.ModuleList(
            [ConvModule(coarse, middle, 1), ConvModule(middle, fine, 1)]
        )
        self.top_down_blocks = nn.ModuleList([layer(2 * middle, middle), layer(2 * fine, fine)])
        self.downsamples = nn.ModuleList(
            [ConvModule(fine, fine, 3, stride=2), ConvModule(middle, middle, 3, stride=2)]
        )
        self.bottom_up_blocks = nn.ModuleList([layer(2 * fine, middle), layer(2 * middle, coarse)])
        self.out_convs = nn.ModuleList(
            ConvModule(channels, size.head_channels, 3) for channels in (fine, middle, coarse)
        )

    def forward(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Three maps at strides 8, 16 and 32 to three of equal width."""
        downward = [maps[-1]]  # coarsest first
        for reduce, block, lateral in zip(
            self.reduce_layers, self.top_down_blocks, maps[-2::-1], strict=True
        ):
            downward[-1] = reduce(downward[-1])  # what goes down is what comes up later, too
            enlarged = functional.interpolate(downward[-1], scale_factor=2.0, mode="nearest")
            downward.append(block(torch.cat([enlarged, lateral], dim=1)))
        upward = [downward.pop()]
        for shrink, block in zip(self.downsamples, self.bottom_up_blocks, strict=True):
            both = torch.cat([shrink(upward[-1]), downward.pop()], dim=1)
            upward.append(block(both))
        return tuple(conv(x) for conv, x in zip(self.out_convs, upward, strict=True))
