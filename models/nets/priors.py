"""Priors: where the cells of a level stand in the network's input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def priors(
    shape: tuple[int, int], stride: int, device: torch.device | str, dtype: torch.dtype
) -> Tensor:
    """The cells of an h x w map, row by row: [h * w, 4] as x, y, stride, stride in pixels.

    RTMDet's priors stand at the top left of their cells (`MlvlPointGenerator(offset=0)`), unlike
    those of most other detectors.
    """
    y, x = torch.meshgrid(
        torch.arange(shape[0], device=device, dtype=dtype) * stride,
        torch.arange(shape[1], device=device, dtype=dtype) * stride,
        indexing="ij",
    )
    step = torch.full_like(x, stride)
    return torch.stack([x, y, step, step], dim=-1).reshape(-1, 4)
