"""Results file: what a network found in a data set, as COCO's tools read it.

The format is COCO's "results": a list with image_id, category_id, bbox, score and segmentation of
each find (https://cocodataset.org/#format-results). pycocotools takes the area of a find for that of
its bbox where there is one, which moves its figures for small, medium and large masks a little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distill.evaluate.predictions import xywh

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distill.data.record import ImageRecord
    from distill.evaluate.predictions import Prediction


class Results:
    """Collects the finds of one network.

    Attributes:
        rows: of the file, so far.

    Args:
        category_of: by class id, the category's id in the data set's own file.
    """

    def __init__(self, category_of: Sequence[int]) -> None:
        self.rows: list[dict[str, Any]] = []
        self._category_of = category_of

    def add(self, record: ImageRecord, predictions: Sequence[Prediction]) -> None:
        """What was found in an image; without masks, where the network gives boxes only."""
        for one in predictions:
            row = {
                "image_id": record.id,
                "category_id": self._category_of[one.class_id],
                "bbox": xywh(one.box),
                "score": one.score,
            }
            if one.rle is not None:
                row["segmentation"] = one.rle.to_json()
            self.rows.append(row)
