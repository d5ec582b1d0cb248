"""Networks that give boxes and no masks, in layouts that the manifest names.

* `dets`: MMDeploy's `dets [1, N, 5]` (corners in input pixels, score) and `labels [1, N]`;
  duplicates are gone (RTMDet, and whatever else MMDeploy exports).
* `yolox`: YOLOX's raw `[1, anchors, 5 + classes]`: grid offsets, log sizes, objectness, scores.
* `ssd`: the TensorFlow model zoo's boxes `[1, N, 4]` (y0 x0 y1 x1, 0 to 1), scores `[1, N]`,
  classes `[1, N]` (1 is the first) and count `[1]`; duplicates are gone.

A fourth, `yolo`, is in `models.decode.yolo_boxes`.
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

YOLOX_STRIDES = (8, 16, 32)
"""Input pixels per cell of YOLOX's three grids, in the order of its anchors."""


@dataclass(frozen=True, slots=True)
class DetsDecoder:
    """Layout `dets`; see `models.decode.Decoder`."""

    spec: InputSpec
    class_count: int

    def decode(
        self,
        outputs: Outputs,
        fit: Letterbox,
        *,
        min_score: float = MIN_SCORE,
        classes: Collection[int] | None = None,
        sought: Collection[Collection[int]] = (),  # noqa: ARG002 - the network gives each one class
    ) -> Instances:
        """Instances in source pixels, best score first, without masks."""
        by_rank = sorted(outputs, key=lambda output: -output.ndim)
        count = by_rank[0].shape[1] if by_rank and by_rank[0].ndim == 3 else 0
        if [output.shape for output in by_rank] != [(1, count, 5), (1, count)]:
            raise FamilyError(
                "layout dets gives dets [1, N, 5] and labels [1, N]; "
                f"this network gave {shapes(outputs)}"
            )
        dets = finite_floats(by_rank[0][0], "boxes")
        labels = finite_floats(by_rank[1][0], "labels")
        scores = dets[:, 4]
        keep, ids = only_wanted(scores, labels, classes, min_score, self.class_count)
        return boxes_only(dets[keep, :4], scores[keep], ids, fit)


@dataclass(frozen=True, slots=True)
class YoloxDecoder:
    """Layout `yolox`; see `models.decode.Decoder`."""

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
        cells = self._cells()
        if [output.shape for output in outputs] != [(1, len(cells), 5 + self.class_count)]:
            raise FamilyError(
                f"layout yolox with {self.class_count} classes at "
                f"{self.spec.width}x{self.spec.height} gives [1, {len(cells)}, "
                f"{5 + self.class_count}]; this network gave {shapes(outputs)}"
            )
        raw = finite_floats(outputs[0][0], "predictions")
        # Objectness times class score, as YOLOX's `postprocess` has it.
        every_score = (raw[:, 5:] * raw[:, 4:5]).T
        anchors, labels, scores = best_class(every_score, classes, min_score, sought)
        left, top, stride = cells[anchors].T
        centres = (raw[anchors, :2] + np.stack([left, top], axis=1)) * stride[:, None]
        with np.errstate(over="ignore"):  # what overflows is refused below
            sizes = np.exp(raw[anchors, 2:4]) * stride[:, None]
        boxes = xyxy_from_cxcywh(np.concatenate([centres, sizes], axis=1))
        keep = suppressed(boxes, scores, labels)
        return boxes_only(boxes[keep], scores[keep], labels[keep], fit)

    def _cells(self) -> Floats:
        """Column, row and stride of every anchor [A, 3]."""
        grids = []
        for stride in YOLOX_STRIDES:
            rows, columns = np.mgrid[: self.spec.height // stride, : self.spec.width // stride]
            grids.append(np.stack([columns, rows, np.full_like(rows, stride)], axis=2))
        return np.asarray(np.concatenate([grid.reshape(-1, 3) for grid in grids]), np.float32)


@dataclass(frozen=True, slots=True)
class SsdDecoder:
    """Layout `ssd`; see `models.decode.Decoder`.

    Outputs come in the order boxes, scores, classes, count: scores and classes can't be told
    apart by shape.
    """

    spec: InputSpec
    class_count: int

    def decode(
        self,
        outputs: Outputs,
        fit: Letterbox,
        *,
        min_score: float = MIN_SCORE,
        classes: Collection[int] | None = None,
        sought: Collection[Collection[int]] = (),  # noqa: ARG002 - the network gives each one class
    ) -> Instances:
        """Instances in source pixels, best score first, without masks."""
        n = outputs[0].shape[1] if outputs and outputs[0].ndim == 3 else 0
        if [output.shape for output in outputs] != [(1, n, 4), (1, n), (1, n), (1,)]:
            raise FamilyError(
                "layout ssd gives boxes [1, N, 4], scores [1, N], classes [1, N] and count [1]; "
                f"this network gave {shapes(outputs)}"
            )
        count = int(finite_floats(outputs[3], "counts").clip(0, n)[0])
        # What stands behind the count is left over from other images.
        boxes = finite_floats(outputs[0][0, :count], "boxes")
        scores = finite_floats(outputs[1][0, :count], "scores")
        labels = finite_floats(outputs[2][0, :count], "classes") - 1
        keep, ids = only_wanted(scores, labels, classes, min_score, self.class_count)
        size = np.tile(np.array([self.spec.width, self.spec.height], np.float32), 2)
        corners = boxes[keep][:, [1, 0, 3, 2]] * size
        return boxes_only(corners, scores[keep], ids, fit)
