"""Frame: one decoded picture, as planes, with its own time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from fractions import Fraction

    from models.preprocess import Matrix

Plane = npt.NDArray[np.uint8]
Planes = tuple[Plane, ...]
"""I420: Y [h, w], U and V [ceil(h/2), ceil(w/2)].  NV12: Y [h, w], UV [ceil(h/2), ceil(w/2), 2]."""


@dataclass(frozen=True, slots=True)
class Colour:
    """What the numbers in the planes mean.

    `primaries` and `transfer` are the code points of ITU-T H.273 that the stream carries
    (2: unspecified); they are passed through.
    """

    matrix: Matrix
    full_range: bool
    primaries: int = 2
    transfer: int = 2


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded picture, upright. Its planes belong to the decoder: read, never write.

    Attributes:
        planes: I420 or NV12, uint8.
        index: 0 for the first frame that the source gave, then counting.
        pts: presentation time in units of `time_base` seconds.
        suspect: predicted from pictures that were damaged; nobody knows what it shows.
    """

    planes: Planes
    index: int
    pts: int
    time_base: Fraction
    colour: Colour
    suspect: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width, height in pixels."""
        height, width = self.planes[0].shape
        return width, height
