"""Samples page: training samples side by side with their masks drawn in, for a person to look at."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from distill.files import writing
from models.instances import MASK_THRESHOLD
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from distill.finetune.picture import Picture
    from models.instances import Instances

    Image = npt.NDArray[np.uint8]

_COLOURS = ((255, 80, 60), (60, 200, 255), (255, 210, 50), (190, 110, 255), (80, 230, 120))
_IGNORED = (0, 0, 0)
_GAP_PX = 4


def drawn(picture: Picture) -> Image:
    """A picture with masks tinted, boxes outlined, and ignored regions hatched; RGB."""
    image: Image = np.ascontiguousarray(picture.image.permute(1, 2, 0).numpy())
    for mask, box, label in zip(
        picture.masks.numpy(), picture.boxes.int().tolist(), picture.labels.tolist(), strict=True
    ):
        colour = _COLOURS[label % len(_COLOURS)]
        _tint(image, mask, colour)
        cv2.rectangle(image, (box[0], box[1]), (box[2] - 1, box[3] - 1), colour, 1)
    rows, columns = np.indices(picture.size)
    hatched = (picture.ignore.numpy() > 0) & ((rows + columns) % 6 < 3)
    image[hatched] = _IGNORED
    return image


def drawn_instances(image: Image, found: Instances) -> Image:
    """An RGB image with what a network found in it."""
    image = image.copy()
    for mask, label in zip(found.masks or (), found.classes.tolist(), strict=True):
        whole = np.zeros(image.shape[:2], np.uint8)
        height, width = mask.pixels.shape
        y0, x0 = max(0, mask.y), max(0, mask.x)
        part = whole[y0 : mask.y + height, x0 : mask.x + width]
        part[:] = (
            mask.pixels[y0 - mask.y :, x0 - mask.x :][: part.shape[0], : part.shape[1]]
            >= MASK_THRESHOLD
        )
        _tint(image, whole, _COLOURS[label % len(_COLOURS)])
    return image


def grid(images: Sequence[Image]) -> Image:
    """Images in a grid that is about square; smaller ones leave white, as none do."""
    columns = max(1, math.ceil(math.sqrt(len(images))))
    height, width = (max((image.shape[i] for image in images), default=0) for i in (0, 1))
    rows = max(1, math.ceil(len(images) / columns))
    whole = np.full((rows * (height + _GAP_PX), columns * (width + _GAP_PX), 3), 255, np.uint8)
    for number, image in enumerate(images):
        y, x = number // columns * (height + _GAP_PX), number % columns * (width + _GAP_PX)
        whole[y : y + image.shape[0], x : x + image.shape[1]] = image
    return whole


def write_png(path: Path, image: Image) -> None:
    """Write an RGB image.

    Raises:
        OutputError: it can't be written.
    """
    data = cv2.imencode(".png", image[..., ::-1])[1].tobytes()
    with writing(path), whole_file(path) as file:
        file.write(data)


def _tint(image: Image, mask: Image, colour: tuple[int, int, int]) -> None:
    inside = mask > 0
    image[inside] = (image[inside] * 0.6 + np.array(colour) * 0.4).astype(np.uint8)
    contours = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    cv2.drawContours(image, contours, -1, colour, 1)
