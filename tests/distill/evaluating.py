"""A small world with known answers: squares on grey, and networks that see them well or badly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from distill.data import rle as run_length
from distill.data.coco import Annotation, CocoDataset, ImageRecord
from models.instances import Instances, Mask

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

SIZE = (96, 128)
"""Height, width."""

Square = tuple[int, int, int, int, int]
"""class_id, x0, y0, x1, y1."""


def truth(square: Square, *, ignore: bool = False) -> Annotation:
    class_id, *box = square
    mask = np.zeros(SIZE, np.uint8)
    mask[box[1] : box[3], box[0] : box[2]] = 1
    return Annotation(class_id, tuple(map(float, box)), run_length.encode(mask), ignore)


def world(
    folder: Path, images: Sequence[Sequence[Annotation]], classes: Sequence[str] = ("cup", "can")
) -> CocoDataset:
    """A data set of grey images, each of its own shade, so that a network can tell them apart."""
    records = []
    for i, objects in enumerate(images):
        path = folder / f"{i}.png"
        Image.new("RGB", (SIZE[1], SIZE[0]), (i, i, i)).save(path)
        records.append(ImageRecord(i + 1, path, SIZE[1], SIZE[0], None, None, tuple(objects)))
    return CocoDataset(tuple(classes), tuple(records), ())


def seen(squares: Sequence[tuple[Square, float]], *, masks: bool = True) -> Instances:
    """Instances of squares with their scores."""
    boxes = np.array([square[1:] for square, _ in squares], np.float32).reshape(-1, 4)
    return Instances(
        boxes,
        np.array([score for _, score in squares], np.float32),
        np.array([square[0] for square, _ in squares], np.int64),
        tuple(
            Mask(x0, y0, np.full((y1 - y0, x1 - x0), 255, np.uint8))
            for (_, x0, y0, x1, y1), _ in squares
        )
        if masks
        else None,
    )


def oracle(by_image: Sequence[Instances]) -> Callable[[list[np.ndarray]], list[Instances]]:
    """A network that knows each image by its shade."""
    return lambda images: [by_image[int(image[0, 0, 0])] for image in images]
