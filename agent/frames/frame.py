"""Frame: one decoded picture with its own time, wherever its pixels live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

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


class Frame(Protocol):
    """A decoded picture, upright. Who needs its pixels asks for the kind that it can read.

    Attributes:
        index: 0 for the first frame that the source gave, then counting.
        pts: presentation time in units of `time_base` seconds.
        suspect: predicted from pictures that were damaged; nobody knows what it shows.
        opens_scene: nothing in it can be found by where it was in the frame before, because the
            picture became larger, smaller or was turned.
        duration: how long it is shown, in units of `time_base`; 0 where nobody knows. The next
            frame's `pts` says so, too; this is for the last.
        size: width, height in pixels.
    """

    @property
    def index(self) -> int: ...  # noqa: D102

    @property
    def pts(self) -> int: ...  # noqa: D102

    @property
    def time_base(self) -> Fraction: ...  # noqa: D102

    @property
    def colour(self) -> Colour: ...  # noqa: D102

    @property
    def suspect(self) -> bool: ...  # noqa: D102

    @property
    def opens_scene(self) -> bool: ...  # noqa: D102

    @property
    def duration(self) -> int: ...  # noqa: D102

    @property
    def size(self) -> tuple[int, int]: ...  # noqa: D102

    def thumbnail(self) -> Plane:
        """The luma, `agent.frames.thumbnail.LONGER_PX` along its longer side; made once."""
        ...
