"""An Ultralytics student's raw outputs in training as `Dense`, with their gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from distill.predict.predictor import Dense
from distill.predict.ultralytics import corners

if TYPE_CHECKING:
    from torch import Tensor


def dense_of(raw: dict[str, Any], strides: tuple[int, ...], bins: Tensor) -> Dense:
    """What the losses compare.

    Args:
        raw: of one branch: boxes [B, 4 * R, A] distances in cells, scores [B, C, A] logits,
            mask_coefficient [B, K, A], proto [B, K, h, w] (or that and more), feats per level.
        strides: input pixels a cell, finest first.
        bins: 0 to R - 1; a distance is their mean under the softmax, itself where R is 1.
    """
    features = tuple(raw["feats"])
    proto = raw["proto"][0] if isinstance(raw["proto"], tuple) else raw["proto"]
    shapes = [level.shape[2:] for level in features]
    cells = [height * width for height, width in shapes]
    logits = [
        part.reshape(*part.shape[:2], *shape)
        for part, shape in zip(raw["scores"].split(cells, dim=2), shapes, strict=True)
    ]
    boxes = [
        _boxes(part, shape, stride, bins)
        for part, shape, stride in zip(
            raw["boxes"].split(cells, dim=2), shapes, strides, strict=True
        )
    ]

    # Apart once: an index an image would give each its own gradient as large as the batch.
    coefficients, protos = raw["mask_coefficient"].unbind(0), proto.unbind(0)

    def draw(image: int, anchors: Tensor) -> Tensor:
        return torch.einsum("kn,khw->nhw", coefficients[image][:, anchors], protos[image])

    mask_stride = strides[0] * features[0].shape[-1] // proto.shape[-1]
    return Dense(strides, features, tuple(logits), tuple(boxes), mask_stride, draw)


def _boxes(distances: Tensor, shape: torch.Size, stride: int, bins: Tensor) -> Tensor:
    """[B, 4 * R, h * w] to x0 y0 x1 y1 in input pixels [B, 4, h, w]."""
    parts = distances.float().reshape(len(distances), 4, len(bins), *shape)
    if len(bins) > 1:
        with torch.autocast(parts.device.type, enabled=False):  # a bin of bfloat16 is a pixel off
            sides = torch.einsum("bkrhw,r->bkhw", parts.softmax(2), bins)
    else:
        sides = parts[:, :, 0]
    return corners(sides, stride)
