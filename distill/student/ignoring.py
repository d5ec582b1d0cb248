"""Ignoring: regions in which a student is neither right nor wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

_CERTAINLY_NOT = -30.0
"""A logit whose cross-entropy towards 0 is below 1e-13 and that the assigner never takes."""


def take_out_ignored(batch: dict[str, Any], ignored_class: int) -> None:
    """Move regions to ignore from a batch's objects to its `ignored` map, in place.

    Args:
        batch: Ultralytics': cls [N, 1], bboxes [N, 4] xywh 0 to 1, batch_idx [N], masks
            [B, h, w] with the number of the object (from 1) at each pixel, sem_masks [B, h, w].
            Gets `ignored`: bool [B, h, w].
        ignored_class: class id of regions to ignore.
    """
    ignore = batch["cls"].view(-1) == ignored_class
    masks = batch["masks"]
    ignored = torch.zeros_like(masks, dtype=torch.bool)
    for image in range(len(masks)):
        here = batch["batch_idx"].view(-1) == image
        gone = ignore[here]
        # New number of each object: 0 is the background, and what is ignored becomes background.
        number = torch.cat([gone.new_zeros(1), ~gone]).long().cumsum(0)
        number[1:][gone] = 0
        old = masks[image].long()
        ignored[image] = torch.cat([gone.new_zeros(1), gone])[old]
        masks[image] = number[old].to(masks.dtype)
    batch["ignored"] = ignored
    for name in ("cls", "bboxes", "batch_idx"):
        batch[name] = batch[name][~ignore]
    if "sem_masks" in batch:
        batch["sem_masks"] = batch["sem_masks"].masked_fill(ignored, 0)


def silent_anchors(batch: dict[str, Any], strides: Sequence[int]) -> Tensor:
    """Anchors that lie on a region to ignore and in no object's box, bool [B, A].

    Args:
        batch: after `take_out_ignored`.
        strides: input pixels a cell, finest first.
    """
    ignored = batch["ignored"]
    count, height, width = ignored.shape
    step = batch["img"].shape[-1] // width
    boxes = batch["bboxes"].new_zeros(len(batch["bboxes"]), 4)
    centre, size = batch["bboxes"][:, :2], batch["bboxes"][:, 2:]
    boxes[:, :2], boxes[:, 2:] = centre - size / 2, centre + size / 2
    boxes *= boxes.new_tensor([width, height, width, height]) * step
    levels = []
    for stride in strides:
        y, x = (
            (torch.arange(cells * step // stride, device=ignored.device) + 0.5) * stride
            for cells in (height, width)
        )
        on = ignored[:, (y / step).long()][:, :, (x / step).long()]
        down = (y > boxes[:, 1:2]) & (y < boxes[:, 3:4])
        across = (x > boxes[:, :1]) & (x < boxes[:, 2:3])
        inside = (down[:, :, None] & across[:, None]).int()
        taken = torch.zeros(on.shape, dtype=torch.int32, device=on.device)
        taken.index_add_(0, batch["batch_idx"].long(), inside)
        levels.append((on & (taken == 0)).flatten(1))
    return torch.cat(levels, dim=1).reshape(count, -1)


def silent_pixels(batch: dict[str, Any], classes: Tensor) -> Tensor:
    """Pixels of class maps [B, C, h, w] on a region to ignore, bool [B, h, w]."""
    ignored = batch["ignored"][:, None].float()  # the nearest pixel, as their loss has its targets
    return functional.interpolate(ignored, classes.shape[2:], mode="nearest")[:, 0] > 0


def silenced(scores: Tensor, silent: Tensor) -> Tensor:
    """Class logits [B, C, ...] that say nothing, and learn nothing, where `silent` [B, ...]."""
    return scores.masked_fill(silent[:, None], _CERTAINLY_NOT)
