"""Picture: an image with its objects, in tensors, ready to be varied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torchvision.ops import masks_to_boxes

from distill.data import rle

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from distill.data.coco import ImageRecord

PAD_VALUE = 114
"""Grey of what no image covers, as `models.preprocess` pads."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image with its objects.

    Attributes:
        image: uint8 [3, h, w], RGB.
        masks: uint8 [N, h, w], 255 on the object and 0 elsewhere.
        labels: int64 [N].
        areas: float32 [N], pixels that each object would have here, were nothing cut off.
        ignore: uint8 [h, w], 255 where something is neither positive nor negative.
        paths: the files it is made of.
    """

    image: Tensor
    masks: Tensor
    labels: Tensor
    areas: Tensor
    ignore: Tensor
    paths: tuple[Path, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Height, width in pixels."""
        return self.image.shape[1], self.image.shape[2]

    @property
    def boxes(self) -> Tensor:
        """float32 [N, 4], x0 y0 x1 y1 around the masks, pixel edges; every mask has a pixel."""
        if not len(self.masks):
            return torch.zeros((0, 4))
        boxes: Tensor = masks_to_boxes(self.masks)  # the last pixel's start, not its far edge
        return boxes.float() + boxes.new_tensor([0, 0, 1, 1])


def read_picture(record: ImageRecord) -> Picture:
    """An image of a dataset with its objects, full size.

    Raises:
        InputError: the image can't be read, or is not the one that was labelled.
    """
    image = torch.from_numpy(record.read()).permute(2, 0, 1).contiguous()
    objects = [annotation for annotation in record.annotations if not annotation.ignore]
    masks = torch.zeros((len(objects), record.height, record.width), dtype=torch.uint8)
    for mask, annotation in zip(masks, objects, strict=True):
        mask.copy_(torch.from_numpy(rle.decode(annotation.rle)))
    ignore = torch.zeros((record.height, record.width), dtype=torch.uint8)
    for annotation in record.annotations:
        if annotation.ignore:
            ignore |= torch.from_numpy(rle.decode(annotation.rle))
    return Picture(
        image,
        masks * 255,
        torch.tensor([annotation.class_id for annotation in objects], dtype=torch.int64),
        masks.sum(dim=(1, 2), dtype=torch.float32),
        ignore * 255,
        (record.path,),
    )
