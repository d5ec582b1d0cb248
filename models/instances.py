"""Instances: what a network saw in one image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    Floats = npt.NDArray[np.float32]
    Ints = npt.NDArray[np.int64]

MASK_THRESHOLD = 128
"""A mask pixel of this value or more is more likely object than not (probability 0.5)."""


@dataclass(frozen=True, slots=True)
class Mask:
    """Probability that a pixel belongs to an object, inside one rectangle of the image.

    Attributes:
        x: left edge of the rectangle, image pixels; may lie outside the image.
        y: top edge, image pixels.
        pixels: uint8 [h, w], probability times 255; zero everywhere outside.
        anywhere: whether the network can't say where in the rectangle the object is, so that all of
            it stands for the object.
    """

    x: int
    y: int
    pixels: npt.NDArray[np.uint8]
    anywhere: bool = False

    def __post_init__(self) -> None:
        if self.pixels.ndim != 2 or self.pixels.dtype != np.uint8:
            raise ValueError(f"a mask is uint8 [h, w], not {self.pixels.dtype} {self.pixels.shape}")


@dataclass(frozen=True, slots=True)
class Instances:
    """N objects of one image, best score first as the decoder gives them.

    Attributes:
        boxes: float32 [N, 4], x0 y0 x1 y1 in source pixels.
        scores: float32 [N], 0 to 1.
        classes: int64 [N], the network's own class ids.
        masks: N masks, or none where the family gives boxes only.
        mask_grow: how far masks may reach beyond their boxes so that more is hidden, share of a
            box's width or height; 0 where they are as the network means them.
    """

    boxes: Floats
    scores: Floats
    classes: Ints
    masks: tuple[Mask, ...] | None = None
    mask_grow: float = 0.0

    def __post_init__(self) -> None:
        count = len(self.boxes)
        if self.boxes.shape != (count, 4):
            raise ValueError(f"boxes are [N, 4], not {self.boxes.shape}")
        if self.scores.shape != (count,) or self.classes.shape != (count,):
            raise ValueError(
                f"{count} boxes, but scores {self.scores.shape} and classes {self.classes.shape}"
            )
        if self.masks is not None and len(self.masks) != count:
            raise ValueError(f"{count} boxes, but {len(self.masks)} masks")

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, which: Sequence[int] | npt.NDArray[Any]) -> Instances:
        """The instances at these indices, in this order."""
        index = np.asarray(which, dtype=np.int64)
        masks = None if self.masks is None else tuple(self.masks[i] for i in index)
        return replace(
            self,
            boxes=self.boxes[index],
            scores=self.scores[index],
            classes=self.classes[index],
            masks=masks,
        )

    @classmethod
    def none(cls) -> Instances:
        """No objects: what most images of an empty scene give."""
        return cls(
            np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int64), masks=()
        )
