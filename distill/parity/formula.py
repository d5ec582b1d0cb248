"""Formulas: weights, images and outlines that both sides compute, so that no file holds them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Image = npt.NDArray[np.uint8]

TRAIN_SIZE = (256, 320)
"""Height and width of the training images."""

_REG_SHIFT = 2.0
"""Added to the regression's bias where batch norms are calibrated: boxes get an extent."""


def formula_weight(
    key: str, shape: tuple[int, ...], class_bias: float, *, shift: bool
) -> npt.NDArray[Any]:
    """One weight of the network, drawn from a generator that is seeded with its key.

    Args:
        key: its name in the state dict.
        shape: its shape.
        class_bias: what `rtm_cls` has for a bias.
        shift: whether the bias of `rtm_reg` is shifted.
    """
    parent, leaf = key.rsplit(".", 1)
    random = np.random.default_rng(int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big"))
    if leaf == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    if leaf == "running_var":
        values = random.uniform(0.5, 1.5, shape)
    elif leaf == "running_mean":
        values = random.normal(0, 0.1, shape)
    elif leaf == "weight" and parent.endswith(".bn"):
        values = random.uniform(0.8, 1.2, shape)
    elif leaf == "weight":
        values = random.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
    elif ".rtm_cls." in key:
        values = np.full(shape, class_bias)
    else:
        values = random.normal(0, 0.1, shape)
        if ".rtm_reg." in key and shift:
            values += _REG_SHIFT
    return np.asarray(values, np.float32)


def formula_image(height: int, width: int) -> Image:
    """A picture made of whole numbers only: uint8 [height, width, 3] BGR."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    channels = []
    for c in range(3):
        texture = (x * (7 + 2 * c) + y * (11 - 3 * c) + (x * y) // (5 + c)) % 97
        blocks = ((x // 32) * 53 + (y // 20) * 91 + c * 67) % 160
        channels.append((texture + blocks) % 256)
    return np.stack(channels, axis=-1).astype(np.uint8)


def train_polygons(image: int) -> list[npt.NDArray[np.float64]]:
    """Outlines of the objects in a training image, as flat x, y, x, y, ..."""
    height, width = TRAIN_SIZE
    corner = np.arange(12)
    reach = np.where(corner % 2 == 0, 1.0, 0.75)
    polygons = []
    for j in range(3 + 2 * image):
        centre = 40 + (j * 97 + image * 53) % 240, 36 + (j * 71 + image * 29) % 184
        radius = 14 + (j * 23 + image * 11) % 50, 12 + (j * 31 + image * 17) % 44
        angle = 2 * np.pi * corner / len(corner) + 0.3 * j
        x = np.clip(centre[0] + radius[0] * reach * np.cos(angle), 0, width)
        y = np.clip(centre[1] + radius[1] * reach * np.sin(angle), 0, height)
        polygons.append(np.round(np.stack([x, y], axis=1), 2).reshape(-1))
    return polygons
