"""RTMDet-Ins in plain PyTorch (Lyu et al., "RTMDet", 2022), keys as in mmdetection's weights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from torch import nn

from models.nets.backbone import CSPNeXt
from models.nets.head import RTMDetInsSepBNHead
from models.nets.neck import CSPNeXtPAFPN
from models.nets.sizes import SIZES

if TYPE_CHECKING:
    from torch import Tensor

    from models.nets.head import RawOutputs

PRIOR_PROBABILITY = 0.01
"""Score of every class at every cell of an untrained head: the initialisation of the bias that
keeps a focal loss from being swamped by the background (Lin et al., "Focal loss for dense object
detection", 2017, 3.3 and 4.1, which RTMDet takes over)."""


class RTMDetIns(nn.Module):
    """Images to raw outputs; `models.decode.rtmdet_ins` makes instances of them.

    Args:
        size: tiny, s, m, l or x.
        classes: how many classes the head knows.

    Raises:
        KeyError: there is no such size.
    """

    def __init__(self, size: str, classes: int) -> None:
        super().__init__()
        self.size, self.classes = SIZES[size], classes
        self.backbone = CSPNeXt(self.size)
        self.neck = CSPNeXtPAFPN(self.size)
        self.bbox_head = RTMDetInsSepBNHead(self.size, classes)
        initialise_head(self.bbox_head)

    def forward(self, x: Tensor) -> RawOutputs:
        """Normalised BGR [B, 3, H, W]; H and W are multiples of 32."""
        out: RawOutputs = self.bbox_head(self.neck(self.backbone(x)))
        return out


def initialise_head(head: RTMDetInsSepBNHead) -> None:
    """Fresh weights as the original's `init_weights` draws them."""
    for module in head.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=0.01)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for classify in head.rtm_cls:
        nn.init.constant_(
            classify.get_parameter("bias"), -math.log((1 - PRIOR_PROBABILITY) / PRIOR_PROBABILITY)
        )
    for regress in head.rtm_reg:  # keeps the relu alive at the start
        nn.init.constant_(regress.get_parameter("bias"), 1.0)
