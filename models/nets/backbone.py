"""CSPNeXt, the backbone of RTMDet (Lyu et al., 2022; `mmdet/models/backbones/cspnext.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from models.nets.blocks import ConvModule, CSPLayer, SPPBottleneck

if TYPE_CHECKING:
    from torch import Tensor

    from models.nets.sizes import Size


class CSPNeXt(nn.Module):
    """A stem and four stages; the last three are given."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        stem, *stages = size.channels
        half = size.stem_channels
        self.stem = nn.Sequential(
            ConvModule(3, half, 3, stride=2), ConvModule(half, half, 3), ConvModule(half, stem, 3)
        )
        inputs, last = stem, len(stages)
        for number, (outputs, blocks) in enumerate(
            zip(stages, size.stage_blocks, strict=True), start=1
        ):
            layers: list[nn.Module] = [ConvModule(inputs, outputs, 3, stride=2)]
            if number == last:
                layers.append(SPPBottleneck(outputs))
            layers.append(
                CSPLayer(outputs, outputs, blocks, add_identity=number < last, attention=True)
            )
            self.add_module(f"stage{number}", nn.Sequential(*layers))
            inputs = outputs

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """[B, 3, H, W] to three maps at strides 8, 16 and 32."""
        maps = []
        for layer in self.children():
            x = layer(x)
            maps.append(x)
        return tuple(maps[-3:])
