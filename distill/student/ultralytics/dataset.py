"""Our images in Ultralytics' own data set, so that its augmentation sees them.

It knows one polygon an object and no regions to ignore. Those travel as objects of one class more
than there are, through mosaic and flips, and are taken out of the batch again in
`distill.student.ultralytics.ignored_regions`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# isort: split
import numpy as np
from ultralytics.data.dataset import YOLODataset

from distill.data import rle as run_length
from distill.data.polygon import joined, outlines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from distill.data.record import ImageRecord


class RecordDataset(YOLODataset):
    """Ultralytics' data set over records instead of label files.

    Args:
        records: the images.
        with_ignored: whether regions to ignore come along, as class `data["nc"]`.
        data: Ultralytics' description of the data; `nc` and `names` are read.
        **settings: as YOLODataset takes them.
    """

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
        super().__init__(img_path="", data=data, task="segment", **settings)

    def get_img_files(self, _img_path: Any) -> list[str]:
        """The records' files."""
        return [str(record.path) for record in self._records]

    def get_labels(self) -> list[dict[str, Any]]:
        """The records' objects."""
        return [self._label(record) for record in self._records]

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
