"""YOLO segmentation as Ultralytics exports it, and as `sfumato-distill` does.

Three layouts, told apart by shape:

* YOLOv8, YOLO11: `[1, 4 + classes + 32, anchors]`: centre and size in input pixels, a score per
  class, mask coefficients. Duplicates are still in it.
* YOLO26, and older ones exported with `nms=True`: `[1, 300, 6 + 32]`: corners in input pixels,
  score, class, mask coefficients. Duplicates are gone.
* raw heads, ten outputs of rank 4: `models.decode.yolo_seg_heads`.

All come with prototypes `[1, 32, height / 4, width / 4]`: an object's mask is the sigmoid of
the prototypes weighted by its coefficients (Bolya et al., YOLACT, 2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.boxes import xyxy_from_cxcywh
from models.decode.outputs import (
    MIN_SCORE,
    best_class,
    finite_floats,
    only_wanted,
    shapes,
    suppressed,
    visible,
)
from models.decode.yolo_seg_heads import COEFFICIENTS, Candidates, is_raw, read_heads
from models.errors import FamilyError
from models.instances import MASK_THRESHOLD, Instances
from models.masks import masks_from_prototypes, whole_mask, whole_rectangle

if TYPE_CHECKING:
    from collections.abc import Collection

    from models.decode.outputs import Floats, Outputs
    from models.input_spec import InputSpec
    from models.instances import Mask
    from models.masks import PrototypeMasks
    from models.preprocess import Letterbox

MASK_GROW = 0.10
"""A mask may reach this share of its box's width or height beyond the box.

The detector's box cuts limbs: on DAVIS (YOLOv8n-seg, 640 px) masks that end at the box leak
more, and masks that may go on for a tenth of it hide hardly anything else. 0 is what
Ultralytics does, and what labels and average precision are made of: there a grown mask is a wrong
one.
"""


@dataclass(frozen=True, slots=True)
class YoloSegDecoder:
    """Reads one network of the family `yolo_seg`; see `models.decode.Decoder`.

    Attributes:
        spec: what the network was fed.
        class_count: how many classes it knows.
        mask_grow: see `MASK_GROW`.
        masks_of: makes masks of prototypes.
    """

    spec: InputSpec
    class_count: int
    mask_grow: float = MASK_GROW
    masks_of: PrototypeMasks = masks_from_prototypes

    def decode(
        self,
        outputs: Outputs,
        fit: Letterbox,
        *,
        min_score: float = MIN_SCORE,
        classes: Collection[int] | None = None,
        sought: Collection[Collection[int]] = (),
    ) -> Instances:
        """Instances in source pixels, best score first, each with its mask."""
        if is_raw(outputs):
            found, prototypes = read_heads(
                outputs, self.spec, self.class_count, min_score, classes, sought
            )
        else:
            predictions, prototypes = self._checked(outputs)
            if _is_end_to_end(predictions):
                found = self._end_to_end(predictions, min_score, classes)
            else:
                found = self._dense(predictions, min_score, classes, sought)
        boxes, index = visible(found.boxes, fit)
        masks = self._masks(prototypes, found.coefficients[index], boxes, fit)
        return Instances(
            boxes, found.scores[index], found.labels[index], masks, mask_grow=self.mask_grow
        )

    def _checked(self, outputs: Outputs) -> tuple[Floats, Floats]:
        """Predictions [., .] and prototypes [32, h, w], whatever order they came in."""
        by_rank = sorted(outputs, key=lambda output: output.ndim)
        ranks = [output.ndim for output in by_rank]
        if ranks != [3, 4] or any(output.shape[0] != 1 for output in by_rank):
            raise self._mismatch(outputs)
        predictions, prototypes = by_rank[0][0], by_rank[1][0]
        dense = len(predictions) == 4 + self.class_count + COEFFICIENTS
        if not (dense or _is_end_to_end(predictions)) or len(prototypes) != COEFFICIENTS:
            raise self._mismatch(outputs)
        return finite_floats(predictions, "predictions"), finite_floats(prototypes, "prototypes")

    def _mismatch(self, outputs: Outputs) -> FamilyError:
        dense, sparse = 4 + self.class_count + COEFFICIENTS, 6 + COEFFICIENTS
        return FamilyError(
            f"family yolo_seg with {self.class_count} classes gives [1, {dense}, anchors] or "
            f"[1, 300, {sparse}], and prototypes [1, {COEFFICIENTS}, h, w], or ten raw heads; "
            f"this network gave {shapes(outputs)}"
        )

    def _dense(
        self,
        predictions: Floats,
        min_score: float,
        classes: Collection[int] | None,
        sought: Collection[Collection[int]],
    ) -> Candidates:
        every_score = predictions[4 : 4 + self.class_count]
        anchors, labels, scores = best_class(every_score, classes, min_score, sought)
        few = predictions[:, anchors].T  # [N, 4 + classes + 32]
        boxes = xyxy_from_cxcywh(few[:, :4])
        keep = suppressed(boxes, scores, labels)
        return Candidates(
            boxes[keep], scores[keep], labels[keep], few[keep, 4 + self.class_count :]
        )

    def _end_to_end(
        self, predictions: Floats, min_score: float, classes: Collection[int] | None
    ) -> Candidates:
        keep, labels = only_wanted(
            predictions[:, 4], predictions[:, 5], classes, min_score, self.class_count
        )
        few = predictions[keep]
        return Candidates(few[:, :4], few[:, 4], labels, few[:, 6:])

    def _masks(
        self, prototypes: Floats, coefficients: Floats, boxes: Floats, fit: Letterbox
    ) -> tuple[Mask, ...]:
        _, height, width = prototypes.shape
        masks = self.masks_of(
            prototypes,
            coefficients,
            [whole_rectangle(box, fit.source, grow=self.mask_grow) for box in boxes],
            fit,
            (self.spec.width / width, self.spec.height / height),
        )
        # Something may be here of which the network can't say where: it is anywhere in its box.
        return tuple(
            mask
            if mask.pixels.max() >= MASK_THRESHOLD
            else whole_mask(whole_rectangle(box, fit.source, grow=0))
            for mask, box in zip(masks, boxes, strict=True)
        )


def _is_end_to_end(predictions: Floats) -> bool:
    # Anchors come in multiples of 21 (a 32 px square has 16 + 4 + 1): never 38 of them.
    return bool(predictions.shape[1] == 6 + COEFFICIENTS)
