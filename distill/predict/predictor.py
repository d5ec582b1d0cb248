"""Predictor: what is asked of a network whatever it is made of; Teacher adds dense predictions.

The labeller and the evaluator ask a predictor for instances. Only the distiller needs more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from models.instances import Instances

    Image = npt.NDArray[np.uint8]


class MaskLogits(Protocol):
    """Mask logits of chosen anchors, computed only when asked for."""

    def __call__(self, image: int, anchors: Tensor) -> Tensor:
        """Logits of one image of the batch.

        Args:
            image: index in the batch.
            anchors: int64 [N], over all levels, finest first, each row by row.

        Returns:
            [N, H / mask_stride, W / mask_stride].
        """
        ...


@dataclass(frozen=True)
class Dense:
    """Raw predictions at every anchor of a batch [B, 3, H, W], level by level.

    Attributes:
        strides: input pixels per cell of each level, finest first.
        features: [B, C, H / stride, W / stride] per level, before the head.
        class_logits: [B, classes, H / stride, W / stride] per level, before the sigmoid.
        boxes: [B, 4, H / stride, W / stride] per level, x0 y0 x1 y1 in input pixels. Decoded,
            because the grids of two families differ by half a cell.
        mask_stride: input pixels per cell of the mask logits.
        mask_logits: gives the mask logits of chosen anchors.
    """

    strides: tuple[int, ...]
    features: tuple[Tensor, ...]
    class_logits: tuple[Tensor, ...]
    boxes: tuple[Tensor, ...]
    mask_stride: int
    mask_logits: MaskLogits


class Predictor(Protocol):
    """A frozen segmentation network.

    Attributes:
        name: for reports and provenance, such as `rtmdet-ins-l`.
        sha256: of the weights' file, 64 hex digits.
        classes: names by class id.
    """

    name: str
    sha256: str
    classes: tuple[str, ...]

    def predict(self, images: Sequence[Image], *, min_score: float) -> list[Instances]:
        """Instances of each RGB uint8 [h, w, 3] image, in its own pixels, best score first."""
        ...


class Teacher(Predictor, Protocol):
    """A predictor that a student can be distilled from."""

    def dense(self, batch: Tensor) -> Dense:
        """Raw predictions for RGB float [B, 3, H, W] from 0 to 1; H and W are multiples of 32."""
        ...
