"""Detection: one object in one frame, as the teacher found it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from distill.data import rle as run_length

if TYPE_CHECKING:
    from collections.abc import Mapping

    from distill.data.rle import Rle
    from models.instances import Instances

_DIGITS = 4
"""Of a score; the rest depends on how many threads have added it up."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One object.

    Attributes:
        class_id: index in the data set's classes.
        score: 0 to 1.
        rle: the mask; never empty.
        box: x0, y0, x1, y1 around it, pixels.
        placed: whether the teacher says where in its box it is; else its mask is all of the box.
    """

    class_id: int
    score: float
    rle: Rle
    box: tuple[float, float, float, float]
    placed: bool = True

    @classmethod
    def of_mask(cls, class_id: int, score: float, rle: Rle, *, placed: bool = True) -> Detection:
        """A detection whose box is that of its mask."""
        return cls(class_id, score, rle, run_length.box(rle), placed)


def detections_of(
    instances: Instances, class_of: Mapping[int, int], size: tuple[int, int], floor: float
) -> tuple[Detection, ...]:
    """Those of a teacher's instances that count.

    Args:
        instances: of one image.
        class_of: the data set's class of each class of the teacher that is wanted.
        size: height, width of the image.
        floor: the lowest score.

    Raises:
        ValueError: the teacher gives no masks.
    """
    if instances.masks is None:
        raise ValueError("a teacher that labels must give masks")
    found = []
    for class_id, score, mask in zip(
        instances.classes.tolist(), instances.scores.tolist(), instances.masks, strict=True
    ):
        if class_id in class_of and score >= floor:
            packed = run_length.from_mask(mask, size)
            if run_length.area(packed):
                found.append(
                    Detection.of_mask(
                        class_of[class_id],
                        round(score, _DIGITS),
                        packed,
                        placed=not mask.anywhere,
                    )
                )
    return tuple(sorted(found, key=lambda one: -one.score))
