"""Dynamic convolutions: each instance brings a small network of its own that draws its mask.

CondInst (Tian et al., 2020) as RTMDet-Ins has it (`_mask_predict_by_feat_single` of
`rtmdet_ins_head.py`, mmdetection): 10 -> 8 -> 8 -> 1 channels, made of 169 values per instance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from models.nets.priors import priors
from models.nets.sizes import STRIDES

if TYPE_CHECKING:
    from torch import Tensor

PROTOTYPES = 8
"""Mask features that all instances share."""

_WIDTHS = ((PROTOTYPES + 2, 8), (8, 8), (8, 1))  # inputs and outputs of each layer
WEIGHTS = tuple(inputs * outputs for inputs, outputs in _WIDTHS)
BIASES = tuple(outputs for _, outputs in _WIDTHS)
PARAMETERS = sum(WEIGHTS) + sum(BIASES)
"""Values per instance: all weights, then all biases."""

_REACH = 8
"""Relative coordinates are counted in this many strides of the instance's own level."""


def mask_logits(features: Tensor, kernels: Tensor, chosen: Tensor) -> Tensor:
    """Draw the masks of N instances of one image.

    Args:
        features: [8, h, w] at stride 8.
        kernels: [N, 169].
        chosen: their priors [N, 4] as x, y, stride, stride.

    Returns:
        [N, h, w] at stride 8, before the sigmoid.
    """
    count, (height, width) = len(kernels), features.shape[1:]
    grid = priors((height, width), STRIDES[0], features.device, features.dtype)[:, :2]
    offset = (chosen[:, None, :2] - grid) / (chosen[:, None, 2:3] * _REACH)  # [N, h * w, 2]
    shared = features.flatten(1).expand(count, -1, -1)  # [N, 8, h * w]
    x = torch.cat([offset.transpose(1, 2).to(shared.dtype), shared], dim=1)
    values = torch.split(kernels, [*WEIGHTS, *BIASES], dim=1)
    weights, biases = values[: len(_WIDTHS)], values[len(_WIDTHS) :]
    for layer, (inputs, outputs) in enumerate(_WIDTHS):
        weight = weights[layer].reshape(count, outputs, inputs)
        x = torch.baddbmm(biases[layer][..., None], weight, x)  # [N, outputs, h * w]
        if layer < len(_WIDTHS) - 1:
            x = x.relu()
    return x.reshape(count, height, width)
