"""Dynamic convolutions: the small network that each instance brings draws its mask.

`models.nets.dynamic` in NumPy: 10 -> 8 -> 8 -> 1 channels, made of 169 values per instance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from models.decode.outputs import Floats

PROTOTYPES = 8
"""Mask features that all instances share."""

KERNEL = 169
"""Values of an instance's own convolutions 10 -> 8 -> 8 -> 1: all weights, then all biases."""

MASK_STRIDE = 8
"""Input pixels per cell of the mask features, and of what is drawn from them."""

_REACH = 8
"""Relative coordinates are counted in this many strides of the instance's own level
(`rtmdet_ins_head.py` of mmdetection)."""


def mask_logits(features: Floats, kernels: Floats, priors: Floats) -> Floats:
    """Draw N masks: [N, h, w] at stride 8, before the sigmoid.

    Args:
        features: [8, h, w].
        kernels: [N, 169].
        priors: [N, 3] as x, y, stride.
    """
    count, (_, height, width) = len(kernels), features.shape
    weights0, weights1, weights2, bias0, bias1, bias2 = np.split(
        kernels, np.cumsum([80, 64, 8, 8, 8]), axis=1
    )
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) * MASK_STRIDE
    shared = np.concatenate([x[None], y[None], features]).reshape(10, -1)
    # Coordinates are relative to each instance, (prior - cell) / reach. Written as a line in the
    # cell's place they are shared, too, and the first layer is one matrix product.
    first = weights0.reshape(count, 8, 10).copy()
    first[:, :, :2] /= (priors[:, 2] * _REACH)[:, None, None]
    offset = bias0 + (first[:, :, :2] * priors[:, None, :2]).sum(axis=2)
    first[:, :, :2] *= -1
    hidden = (first.reshape(-1, 10) @ shared).reshape(count, 8, height * width)
    hidden += offset[:, :, None]
    np.maximum(hidden, 0, out=hidden)
    hidden = weights1.reshape(count, 8, 8) @ hidden
    hidden += bias1[:, :, None]
    np.maximum(hidden, 0, out=hidden)
    logits = weights2[:, None] @ hidden + bias2[:, :, None]
    return np.asarray(logits.reshape(count, height, width), np.float32)
