"""Layout `yolo`: boxes as Ultralytics exports its detection networks.

Two forms, told apart by shape:

* YOLOv8, YOLO11, YOLO26 without its end-to-end head: `[1, 4 + classes, anchors]`: centre and size
  in input pixels, a score per class. Duplicates are still in it.
* YOLO26, YOLOv10, and all that were exported with `nms=True`: `[1, N, 6]`, N at most 300: corners
  in input pixels, score, class. Duplicates are gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.boxes import xyxy_from_cxcywh
from models.decode.outputs import (
    MIN_SCORE,
    best_class,
    boxes_only,
    finite_floats,
    only_wanted,
    shapes,
    suppressed,
)
from models.errors import FamilyError

if TYPE_CHECKING:
    from collections.abc import Collection

    from models.decode.outputs import Floats, Outputs
    from models.input_spec import InputSpec
    from models.instances import Instances
    from models.preprocess import Letterbox

_COLUMNS = 6
"""Of an end-to-end head. Anchors come in multiples of 21 (a 32 px square has 16 + 4 + 1), so no
other form has six of anything last."""


@dataclass(frozen=True, slots=True)
class YoloBoxesDecoder:
    """Layout `yolo` of the family `boxes`; see `models.decode.Decoder`."""

    spec: InputSpec
    class_count: int

    def decode(
        self,
        outputs: Outputs,
        fit: Letterbox,
        *,
        min_score: float = MIN_SCORE,
        classes: Collection[int] | None = None,
        sought: Collection[Collection[int]] = (),
    ) -> Instances:
        """Instances in source pixels, best score first, without masks."""
        if len(outputs) == 1 and outputs[0].ndim == 3 and len(outputs[0]) == 1:
            predictions = outputs[0][0]
            if predictions.shape[1] == _COLUMNS:
                return self._end_to_end(predictions, fit, min_score, classes)
            if len(predictions) == 4 + self.class_count:
                return self._dense(predictions, fit, min_score, classes, sought)
        raise FamilyError(
            f"layout yolo with {self.class_count} classes gives [1, {4 + self.class_count}, "
            f"anchors] or [1, 300, {_COLUMNS}]; this network gave {shapes(outputs)}"
        )

    def _dense(
        self,
        output: Floats,
        fit: Letterbox,
        min_score: float,
        classes: Collection[int] | None,
        sought: Collection[Collection[int]],
    ) -> Instances:
        predictions = finite_floats(output, "predictions")
        anchors, labels, scores = best_class(predictions[4:], classes, min_score, sought)
        boxes = xyxy_from_cxcywh(predictions[:4, anchors].T)
        keep = suppressed(boxes, scores, labels)
        return boxes_only(boxes[keep], scores[keep], labels[keep], fit)

    def _end_to_end(
        self,
        output: Floats,
        fit: Letterbox,
        min_score: float,
        classes: Collection[int] | None,
    ) -> Instances:
        predictions = finite_floats(output, "predictions")
        scores, labels = predictions[:, 4], predictions[:, 5]
        if (labels != np.floor(labels)).any():
            raise FamilyError(
                "layout yolo gives whole numbers as class ids, and this network gave others: "
                "it is of another family or layout"
            )
        keep, ids = only_wanted(scores, labels, classes, min_score, self.class_count)
        return boxes_only(predictions[keep, :4], scores[keep], ids, fit)
