"""Labelled frame: what the teacher found in one frame of a clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distill.data.rle import Rle
from distill.label.detection import Detection

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNPLACED = "box"
"""Stands behind what is anywhere in its box."""


@dataclass(frozen=True, slots=True)
class LabelledFrame:
    """One labelled frame of a clip.

    Attributes:
        index: of the frame in its clip.
        time_s: by the clip's clock.
        size: height, width, pixels (COCO's order).
        bytes: of its JPEG file, so that one that is not whole is noticed.
        detections: best score first.
    """

    index: int
    time_s: float
    size: tuple[int, int]
    bytes: int
    detections: tuple[Detection, ...]

    def to_json(self) -> dict[str, Any]:
        """What stands in the log."""
        return {
            "index": self.index,
            "time_s": self.time_s,
            "size": list(self.size),
            "bytes": self.bytes,
            "seen": [
                [s.class_id, s.score, s.rle.counts, *([] if s.placed else [_UNPLACED])]
                for s in self.detections
            ],
        }

    @classmethod
    def from_json(cls, line: Mapping[str, Any]) -> LabelledFrame:
        """What was written by `to_json`."""
        height, width = line["size"]
        detections = tuple(
            Detection.of_mask(
                class_id, score, Rle((height, width), counts), placed=_UNPLACED not in more
            )
            for class_id, score, counts, *more in line["seen"]
        )
        return cls(line["index"], line["time_s"], (height, width), line["bytes"], detections)
