"""Criterion: the loss of a batch for RTMDet-Ins (`loss_by_feat` of `rtmdet_ins_head.py`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import distributed
from torch.nn import functional

from distill.rtmdet.assigner import assign
from distill.rtmdet.losses import dice, giou, quality_focal
from models.nets.dynamic import mask_logits
from models.nets.priors import priors
from models.nets.sizes import STRIDES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from distill.rtmdet.assigner import Assignment
    from models.nets.head import RawOutputs

BOX_WEIGHT = 2.0
MASK_WEIGHT = 2.0
"""Beside 1 for classes (`loss_weight` of RTMDet-Ins' configs)."""

_MASK_STRIDE = 4
"""Input pixels per pixel of the mask loss; of each block the third pixel is taken."""

_BACKGROUND_LOGIT = -30.0
"""A mask logit that Dice takes for none, and that gets no gradient from it."""


@dataclass(frozen=True, slots=True)
class Targets:
    """What is in one image.

    Attributes:
        boxes: float [G, 4], x0 y0 x1 y1 in input pixels.
        labels: int64 [G].
        masks: bool or uint8 [G, H, W] at the size of the network's input.
        ignore: bool [H, W]: background here is no mistake, and neither is an object; None where
            everything counts.
    """

    boxes: Tensor
    labels: Tensor
    masks: Tensor
    ignore: Tensor | None = None


class LevelLosses(NamedTuple):
    """Losses before levels are summed.

    Attributes:
        classes: [3].
        boxes: [3].
        masks: a scalar; masks are drawn from one map.
    """

    classes: Tensor
    boxes: Tensor
    masks: Tensor


class Criterion:
    """Raw outputs and targets to losses."""

    def __call__(self, raw: RawOutputs, targets: Sequence[Targets]) -> dict[str, Tensor]:
        """Scalars by name, ready to be added up."""
        levels = self.levels(raw, targets)
        return {
            "loss_cls": levels.classes.sum(),
            "loss_box": levels.boxes.sum(),
            "loss_mask": levels.masks,
        }

    def levels(self, raw: RawOutputs, targets: Sequence[Targets]) -> LevelLosses:
        """The losses of each level."""
        cells = _Cells(raw)
        assigned = cells.assign(targets)
        overlaps = torch.cat([each.overlaps for each in assigned])
        share = mean_over_ranks(overlaps.sum()).clamp(min=1)
        classes, boxes = [], []
        for level in range(len(STRIDES)):
            parts = [cells.on_level(i, level, each) for i, each in enumerate(assigned)]
            classes.append(_class_loss(cells, level, parts, targets))
            boxes.append(_box_loss(cells, level, parts, targets))
        return LevelLosses(
            torch.stack(classes) / share,
            BOX_WEIGHT * torch.stack(boxes) / share,
            MASK_WEIGHT * _mask_loss(cells, raw, assigned, targets),
        )

    def assignments(self, raw: RawOutputs, targets: Sequence[Targets]) -> list[Assignment]:
        """Which cells have which object, image by image."""
        return _Cells(raw).assign(targets)


class _Cells:
    """A batch's raw outputs, cell by cell: levels one after the other, each row by row."""

    def __init__(self, raw: RawOutputs) -> None:
        device = raw.mask_features.device
        # Coordinates need more than half precision: a pixel of 640 is lost in it.
        dtype = torch.promote_types(raw.mask_features.dtype, torch.float32)
        sizes = [tuple(level.shape[2:]) for level in raw.class_logits]
        grids = [
            priors((height, width), stride, device, dtype)
            for (height, width), stride in zip(sizes, STRIDES, strict=True)
        ]
        self.ends = torch.tensor([len(grid) for grid in grids]).cumsum(0).tolist()
        self.priors = torch.cat(grids)  # [P, 4]
        self.logits = _flat(raw.class_logits).to(dtype)  # [B, P, classes]
        self.kernels = _flat(raw.kernels)  # [B, P, 169]
        distances = _flat(raw.distances).to(dtype)
        point = self.priors[:, :2]
        self.boxes = torch.cat([point - distances[..., :2], point + distances[..., 2:]], dim=2)

    def assign(self, targets: Sequence[Targets]) -> list[Assignment]:
        return [
            assign(
                self.logits[i].detach(),
                self.boxes[i].detach(),
                self.priors,
                each.boxes,
                each.labels,
                each.masks,
            )
            for i, each in enumerate(targets)
        ]

    def span(self, level: int) -> slice:
        return slice(self.ends[level - 1] if level else 0, self.ends[level])

    def on_level(self, image: int, level: int, assigned: Assignment) -> tuple[int, Assignment]:
        """What of an image's assignment lies on a level."""
        span = self.span(level)
        here = (assigned.cells >= span.start) & (assigned.cells < span.stop)
        return image, type(assigned)(*(values[here] for values in assigned))


def _flat(levels: Sequence[Tensor]) -> Tensor:
    """Levels of [B, C, h, w] to [B, P, C]."""
    return torch.cat([level.flatten(2).transpose(1, 2) for level in levels], dim=1)


_Parts = list[tuple[int, "Assignment"]]


def _class_loss(cells: _Cells, level: int, parts: _Parts, targets: Sequence[Targets]) -> Tensor:
    span = cells.span(level)
    total = cells.logits.new_zeros(())
    for image, part in parts:
        own = part.cells - span.start
        labels = targets[image].labels[part.objects]
        each = quality_focal(
            cells.logits[image, span], own, labels, part.overlaps.to(cells.logits.dtype)
        )
        ignore = targets[image].ignore
        if ignore is not None:
            x, y = cells.priors[span, 0].long(), cells.priors[span, 1].long()
            counts = ~ignore[y, x]
            counts[own] = True
            each = torch.where(counts, each, 0)
        total = total + each.sum()
    return total


def _box_loss(cells: _Cells, level: int, parts: _Parts, targets: Sequence[Targets]) -> Tensor:
    total = _nothing(cells.boxes[:, cells.span(level)])
    for image, part in parts:
        wanted = targets[image].boxes[part.objects].to(cells.boxes.dtype)
        total = total + (giou(cells.boxes[image, part.cells], wanted) * part.overlaps).sum()
    return total


def _mask_loss(
    cells: _Cells, raw: RawOutputs, assigned: Sequence[Assignment], targets: Sequence[Targets]
) -> Tensor:
    count = torch.tensor(float(sum(len(each.cells) for each in assigned)))
    share = mean_over_ranks(count.to(cells.boxes.device)).clamp(min=1)
    total = _nothing(raw.mask_features) + _nothing(cells.kernels)
    half = _MASK_STRIDE // 2
    for image, each in enumerate(assigned):
        if not len(each.cells):
            continue
        logits = mask_logits(
            raw.mask_features[image], cells.kernels[image, each.cells], cells.priors[each.cells]
        )
        scale = STRIDES[0] // _MASK_STRIDE
        finer = functional.interpolate(logits[None], scale_factor=scale, mode="bilinear")[0]
        pixels = slice(half, None, _MASK_STRIDE)
        wanted = targets[image].masks[:, pixels, pixels][each.objects]
        ignore = targets[image].ignore
        if ignore is not None:
            finer = finer.masked_fill(ignore[pixels, pixels] & (wanted == 0), _BACKGROUND_LOGIT)
        total = total + dice(finer.to(cells.boxes.dtype), wanted).sum()
    return total / share


def _nothing(outputs: Tensor) -> Tensor:
    """0 with a gradient of 0, so that every parameter has one in every process.

    A sum times 0 would be NaN where half precision overflowed in a cell that nobody uses.
    """
    return outputs[..., :0].sum()


def mean_over_ranks(value: Tensor) -> Tensor:
    """The mean of a scalar over all processes; gradients are averaged over them, too."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return value
    value = value.clone()
    distributed.all_reduce(value)
    return value / distributed.get_world_size()
