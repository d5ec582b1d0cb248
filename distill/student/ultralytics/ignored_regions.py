"""Ignored regions: where no loss on labels counts for an Ultralytics student."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

_BACKGROUND_LOGIT = -30.0
"""A logit whose cross-entropy towards 0 is below 1e-13, next to nothing in float32."""


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


class CellLoss:
    """The loss of cells without those on a region to ignore that are no object's.

    Stands in Ultralytics' own: only there is known which cells an object was given.

    Attributes:
        ignored: bool [B, A], see `ignored_cells`; of the batch that comes next.

    Args:
        loss: theirs, of each of [B, A, C].
    """

    ignored: Tensor

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
        self._loss = loss

    def __call__(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The loss of each of [B, A, C]; targets are 0 where there is no object."""
        counts = ~self.ignored[..., None] | (targets > 0).any(dim=2, keepdim=True)
        return self._loss(logits, targets) * counts


def ignored_cells(batch: dict[str, Any], strides: Sequence[int]) -> Tensor:
    """Cells whose middle lies on a region to ignore, bool [B, A].

    Args:
        batch: after `take_out_ignored`.
        strides: input pixels a cell, finest first.
    """
    ignored = batch["ignored"]
    _, height, width = ignored.shape
    step = batch["img"].shape[-1] // width
    levels = []
    for stride in strides:
        y, x = (
            ((torch.arange(side * step // stride, device=ignored.device) + 0.5) * stride / step)
            for side in (height, width)
        )
        levels.append(ignored[:, y.long()][:, :, x.long()].flatten(1))
    return torch.cat(levels, dim=1)


def masked_out(proto: Tensor | tuple[Tensor, Tensor], ignored: Tensor) -> Any:
    """Prototypes [B, K, h, w] that are 0, and get no gradient, on regions to ignore [B, H, W].

    Of YOLO26 they come with class maps [B, C, h, w]. What an object's mask costs there is
    always the same, ln 2 a pixel.
    """
    if isinstance(proto, tuple):
        prototypes, classes = proto
        return masked_out(prototypes, ignored), classes.masked_fill(
            _at(ignored, classes), _BACKGROUND_LOGIT
        )
    return proto.masked_fill(_at(ignored, proto), 0)


def _at(ignored: Tensor, maps: Tensor) -> Tensor:
    """At the size of other maps, [B, 1, h, w]; the nearest pixel, as their loss has its targets."""
    return functional.interpolate(ignored[:, None].float(), maps.shape[2:], mode="nearest") > 0
