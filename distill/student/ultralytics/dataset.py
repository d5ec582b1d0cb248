"""Our images in Ultralytics' own data set, so that its augmentation sees them.

They are read here, not there: theirs takes an `x.npy` beside `x.jpg` for its own cache, and
overwrites or deletes it; and it would not see that an image is no longer the one that was labelled.

It knows one polygon an object and no regions to ignore. Those travel as objects of one class more
than there are, through mosaic and flips, and are taken out of the batch again in
`distill.student.ultralytics.ignored_regions`.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from ultralytics.data.dataset import YOLODataset

from distill.data import rle as run_length
from distill.data.next_readable import next_readable
from distill.data.polygon import joined, outlines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from distill.data.record import ImageRecord


class RecordDataset(YOLODataset):
    """Ultralytics' data set over records instead of label files.

    An image that can't be read, or has another size than its labels, is left out: the next one
    stands in for it.

    Args:
        records: the images.
        with_ignored: whether regions to ignore come along, as class `data["nc"]`.
        data: Ultralytics' description of the data; `nc` and `names` are read.
        **settings: as YOLODataset takes them, but `rect`, which would sort images, and `cache`.
    """

    imgsz: Any  # Ultralytics fills these in, and types them as they are before
    ims: list[Any]
    im_hw0: list[Any]
    im_hw: list[Any]
    buffer: list[int]

    def __init__(
        self,
        records: Sequence[ImageRecord],
        *,
        with_ignored: bool,
        data: dict[str, Any],
        **settings: Any,
    ) -> None:
        self._records = records
        self._ignored_class = data["nc"] if with_ignored else None
        self._said: set[str] = set()
        super().__init__(img_path="", data=data, task="segment", **settings)

    def get_img_files(self, _img_path: Any) -> list[str]:
        """The records' files."""
        return [str(record.path) for record in self._records]

    def get_labels(self) -> list[dict[str, Any]]:
        """The records' objects."""
        return [self._label(record) for record in self._records]

    def get_image_and_label(self, index: int) -> dict[str, Any]:
        """An image with its objects, or the next that can be read.

        Raises:
            InputError: several in a row can't be read; of those to measure on, none.
        """
        read: Any = super().get_image_and_label
        most = {} if self.augment else {"most": len(self)}  # it comes after hours
        found: dict[str, Any] = next_readable(read, index, len(self), self._say, **most)
        return found

    def load_image(
        self, i: int, _rect_mode: bool = True, _resize_short: bool = False
    ) -> tuple[npt.NDArray[np.uint8], tuple[int, int], tuple[int, int]]:
        """An image as Ultralytics gives it, read as everybody here reads it.

        Returns:
            BGR uint8 [h, w, 3], its longer side `imgsz`; height and width in the file; h and w.

        Raises:
            InputError: it can't be read, or has another size than its record says.
        """
        if self.ims[i] is None:
            record = self._records[i]
            scale = self.imgsz / max(record.width, record.height)
            size = [
                min(math.ceil(side * scale), self.imgsz) for side in (record.width, record.height)
            ]
            image: Any = cv2.resize(record.read()[..., ::-1], size, interpolation=cv2.INTER_LINEAR)
            full = (record.height, record.width)
            if not self.augment:
                return image, full, image.shape[:2]
            self.ims[i], self.im_hw0[i], self.im_hw[i] = image, full, image.shape[:2]
            self.buffer.append(i)  # of the latest, which mosaics are made of
            if 1 < len(self.buffer) >= self.max_buffer_length:
                oldest = self.buffer.pop(0)
                self.ims[oldest] = self.im_hw0[oldest] = self.im_hw[oldest] = None
        return self.ims[i], self.im_hw0[i], self.im_hw[i]

    def _say(self, problem: str) -> None:
        """To the person who watches, once a process: an image comes up in every epoch."""
        if problem not in self._said:
            self._said.add(problem)
            print(problem, file=sys.stderr)  # noqa: T201 where Ultralytics' progress goes

    def _label(self, record: ImageRecord) -> dict[str, Any]:
        size = np.array([record.width, record.height], np.float32)
        classes, boxes, segments = [], [], []
        for class_id, mask in self._shapes(record):
            polygon = joined(outlines(mask))
            segment = (polygon / size).astype(np.float32)
            low, high = segment.min(axis=0), segment.max(axis=0)
            classes.append(class_id)
            boxes.append([*(low + high) / 2, *(high - low)])
            segments.append(segment)
        return {
            "im_file": str(record.path),
            "shape": (record.height, record.width),
            "cls": np.array(classes, np.float32).reshape(-1, 1),
            "bboxes": np.array(boxes, np.float32).reshape(-1, 4),
            "segments": segments,
            "keypoints": None,
            "normalized": True,
            "bbox_format": "xywh",
        }

    def _shapes(self, record: ImageRecord) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
        """Class ids and masks, uint8 [h, w]; what is an object is in no region to ignore."""
        known = np.zeros((record.height, record.width), np.uint8)
        for annotation in record.annotations:
            if not annotation.ignore:
                mask = run_length.decode(annotation.rle)
                known |= mask
                yield annotation.class_id, mask
        if self._ignored_class is None:
            return
        for annotation in record.annotations:
            if annotation.ignore:
                mask = run_length.decode(annotation.rle) * (known == 0)
                if mask.any():
                    yield self._ignored_class, mask
