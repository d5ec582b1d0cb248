"""Record: an image and its objects, whatever file they were read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distill.data import rle as run_length
from distill.data.images import read_rgb
from distill.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from distill.data.images import Image
    from distill.data.rle import Rle


@dataclass(frozen=True, slots=True)
class Annotation:
    """One object of an image, or a region where nothing counts.

    Attributes:
        class_id: index in the data set's `classes`.
        box: x0, y0, x1, y1, pixels, inside the image.
        rle: the mask; `distill.data.rle.decode` unfolds it.
        ignore: a region that is neither positive nor negative (COCO's `iscrowd`).
        score: what the labelling network thought, 0 to 1.
        track_id: the same object has the same number through a clip.
        band: `accept`, `ignore` or `review`, where a machine labelled it.
    """

    class_id: int
    box: tuple[float, float, float, float]
    rle: Rle
    ignore: bool
    score: float | None = None
    track_id: int | None = None
    band: str | None = None


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image and what is in it."""

    id: int
    path: Path
    width: int
    height: int
    clip: str | None
    frame: int | None
    annotations: tuple[Annotation, ...]

    def read(self) -> Image:
        """The pixels, RGB uint8 [height, width, 3].

        Raises:
            InputError: the file can't be read, or has another size than its record says.
        """
        image = read_rgb(self.path)
        height, width = image.shape[:2]
        self.check_size((width, height))
        return image

    def check_size(self, size: tuple[int, int]) -> None:
        """See that an image of this width and height is the one that was labelled.

        Raises:
            InputError: it is not.
        """
        if size != (self.width, self.height):
            raise InputError(
                f"{self.path} has {size[0]}x{size[1]} pixels, but was labelled as "
                f"{self.width}x{self.height}; label it again, or put the original back"
            )


def image_json(image: ImageRecord, file_name: str) -> dict[str, Any]:
    """An image as a COCO file has it."""
    return {
        "id": image.id,
        "file_name": file_name,
        "width": image.width,
        "height": image.height,
        "clip": image.clip,
        "frame": image.frame,
    }


def annotation_json(annotation: Annotation, number: int, image_id: int) -> dict[str, Any]:
    """An annotation as a COCO file has it, with what we add where it is known."""
    x0, y0, x1, y1 = annotation.box
    record: dict[str, Any] = {
        "id": number,
        "image_id": image_id,
        "category_id": int(annotation.class_id) + 1,
        "bbox": [_short(value) for value in (x0, y0, x1 - x0, y1 - y0)],
        "area": run_length.area(annotation.rle),
        "segmentation": annotation.rle.to_json(),
        "iscrowd": int(bool(annotation.ignore)),
    }
    if annotation.score is not None:
        record["score"] = round(float(annotation.score), 4)
    if annotation.track_id is not None:
        record["track_id"] = int(annotation.track_id)
    if annotation.band is not None:
        record["band"] = annotation.band
    return record


def _short(value: float) -> float | int:
    """Two digits behind the point, and none where they would be zero."""
    rounded = round(float(value), 2)
    return int(rounded) if rounded == int(rounded) else rounded
