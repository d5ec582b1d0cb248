"""A correction: what a person says is in one image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distill.data.label_name import Label
    from distill.data.rle import Rle

    Find = Callable[[Sequence[str]], "Target | str"]
    """From names of an image, the best first, to the image, or to why there is none."""


@dataclass(frozen=True, slots=True)
class Target:
    """The data set's image that a correction is for.

    Attributes:
        image_id: its id.
        size: height, width.
    """

    image_id: int
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Corrections:
    """What comes back from a labelling tool.

    Attributes:
        images: those that can be read whole.
        untouched: how many were looked at, but hold something that can't be read: without it, what
            is there would be background.
    """

    images: tuple[Correction, ...]
    untouched: int


@dataclass(frozen=True, slots=True)
class Correction:
    """All objects of an image, as corrected: what is not in here is not there."""

    target: Target
    objects: tuple[tuple[Label, Rle], ...]
