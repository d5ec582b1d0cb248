"""Sighting: one object in one frame, as the teacher saw it; Frame: what it saw in one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distill.data import rle as run_length

if TYPE_CHECKING:
    from collections.abc import Mapping

    from distill.data.rle import Rle
    from models.instances import Instances

_DIGITS = 4
"""Of a score; the rest depends on how many threads have added it up."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One object.

    Attributes:
        class_id: index in the data set's classes.
        score: 0 to 1.
        rle: the mask; never empty.
        box: x0, y0, x1, y1 around it, pixels.
    """

    class_id: int
    score: float
    rle: Rle
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Frame:
    """One labelled frame of a clip.

    Attributes:
        index: of the frame in its clip.
        time_s: by the clip's clock.
        size: height, width, pixels (COCO's order).
        bytes: of its JPEG file, so that one that is not whole is noticed.
        sightings: best score first.
    """

    index: int
    time_s: float
    size: tuple[int, int]
    bytes: int
    sightings: tuple[Sighting, ...]

    def to_json(self) -> dict[str, Any]:
        """What stands in the journal."""
        return {
            "index": self.index,
            "time_s": self.time_s,
            "size": list(self.size),
            "bytes": self.bytes,
            "seen": [[s.class_id, s.score, s.rle.counts] for s in self.sightings],
        }

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> Frame:
        """What was written by `to_json`."""
        height, width = line["size"]
        sightings = tuple(
            sighting(class_id, score, run_length.Rle((height, width), counts))
            for class_id, score, counts in line["seen"]
        )
        return cls(line["index"], line["time_s"], (height, width), line["bytes"], sightings)


def sighting(class_id: int, score: float, rle: Rle) -> Sighting:
    """A sighting whose box is that of its mask."""
    return Sighting(class_id, score, rle, run_length.box(rle))


def sightings_of(
    instances: Instances, class_of: Mapping[int, int], size: tuple[int, int], floor: float
) -> tuple[Sighting, ...]:
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
                found.append(sighting(class_of[class_id], round(score, _DIGITS), packed))
    return tuple(sorted(found, key=lambda one: -one.score))
