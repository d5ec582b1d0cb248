"""EMA: a slow copy of the network, which is what is measured and kept."""

from __future__ import annotations

import copy
import math
from typing import Generic, TypeVar

import torch
from torch import nn

Net = TypeVar("Net", bound=nn.Module)

_MAX_WINDOW_SHARE = 0.05
"""Of the run, that the average may look back over; RTMDet's own looks back over 0.04."""

_RAMP = 0.4
"""Of the look-back, over which it grows at first (mmdetection's gamma 2000 at momentum 2e-4)."""


class Ema(Generic[Net]):
    """Exponential moving average of all parameters and buffers (mmdetection: `ExpMomentumEMA`).

    After step n, counted from 0, `average += m_n * (network - average)` with
    `m_n = m + (1 - m) * exp(-(n + 1) / ramp)`. RTMDet's m = 2e-4 looks back over 1 / m = 5000
    steps, which a short run never reaches: its average would still hold the first steps. So
    `m = max(momentum, 1 / (0.05 * steps))` and `ramp = 0.4 / m`.

    Args:
        net: what is averaged; the average starts as a copy of it.
        momentum: share of the new weights, each step.
        steps: length of the whole run.
    """

    def __init__(self, net: Net, momentum: float, steps: int) -> None:
        self.net = copy.deepcopy(net).eval().requires_grad_(requires_grad=False)
        self.momentum = min(1.0, max(momentum, 1 / (_MAX_WINDOW_SHARE * steps)))

    def weight(self, step: int) -> float:
        """How much of the network goes into the average after this step, from 0."""
        ramp = _RAMP / self.momentum
        return self.momentum + (1 - self.momentum) * math.exp(-(step + 1) / ramp)

    @torch.no_grad()
    def update(self, net: Net, step: int) -> None:
        """Move towards the network; whole numbers, such as batch counts, are copied."""
        weight = self.weight(step)
        for averages, values in (
            (self.net.parameters(), net.parameters()),
            (self.net.buffers(), net.buffers()),
        ):
            for average, value in zip(averages, values, strict=True):
                if average.is_floating_point():
                    average.lerp_(value, weight)
                else:
                    average.copy_(value)
