"""Frames: the images of a labelled data set that become a bundle's golden frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from distill.data.coco import CocoDataset
from distill.errors import InputError
from models.preprocess import Letterbox

if TYPE_CHECKING:
    from pathlib import Path

    from distill.data.images import Image
    from models.preprocess import InputSpec


def choose_frames(path: Path, images: Path | None, count: int, spec: InputSpec) -> list[Image]:
    """A few images with objects, evenly over the data set.

    Args:
        path: a COCO JSON file.
        images: the folder of its images; by default that of `path`.
        count: how many; fewer where it has fewer.
        spec: images larger than the network sees them are made as small as that: the bundle is
            smaller, and the frames contain nothing that the network can't see.

    Raises:
        InputError: the file can't be read, or no image has an object.
    """
    dataset = CocoDataset.read(path, images)
    labelled = [
        record
        for record in dataset.images
        if any(not annotation.ignore for annotation in record.annotations)
    ]
    if not labelled:
        raise InputError(f"{path} has no image with a labelled object; golden frames need some")
    count = min(count, len(labelled))
    chosen = [labelled[(2 * i + 1) * len(labelled) // (2 * count)] for i in range(count)]
    return [_shrunk(record.read(), spec) for record in chosen]


def _shrunk(image: Image, spec: InputSpec) -> Image:
    height, width = image.shape[:2]
    inner = Letterbox.fit((width, height), spec).inner
    if inner[0] >= width:
        return image
    return np.asarray(cv2.resize(image, inner, interpolation=cv2.INTER_AREA), np.uint8)
