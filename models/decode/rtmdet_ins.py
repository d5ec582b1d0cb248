"""RTMDet-Ins: raw outputs of ten tensors, the same from PyTorch and from ONNX.

Three levels of class logits `[1, classes, h, w]`, of distances `[1, 4, h, w]` (left, top, right,
bottom of the cell's top left corner, input pixels) and of kernels `[1, 169, h, w]`, then mask
features `[1, 8, H / 8, W / 8]`. The steps and their constants are those of mmdetection's test
pipeline (`rtmdet_ins_head.py`, `configs/rtmdet/rtmdet-ins_l_8xb32-300e_coco.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from models.boxes import nms
from models.decode.dynamic import KERNEL, MASK_STRIDE, PROTOTYPES, mask_logits
from models.decode.outputs import MIN_SCORE, finite_floats, shapes
from models.errors import FamilyError
from models.input_spec import InputSpec
from models.instances import MASK_THRESHOLD, Instances
from models.masks import LOGIT_LIMIT, probability, whole_mask, whole_rectangle
from models.resample import Resampling, resample_part

if TYPE_CHECKING:
    from collections.abc import Collection

    from models.decode.outputs import Floats, Ints, Outputs
    from models.instances import Mask
    from models.preprocess import Letterbox

STRIDES = (8, 16, 32)
"""Input pixels per cell of the three levels."""

OUTPUT_NAMES = (
    *(f"{kind}{level}" for kind in ("cls", "reg", "kernel") for level in range(len(STRIDES))),
    "mask_feat",
)
"""How an export names the outputs, in the order that `decode` takes them."""

NMS_IOU = 0.6
"""Overlap above which two boxes of a class are one object (`nms` of `test_cfg`)."""

MAX_CANDIDATES = 1000
"""The most candidates of a level that reach NMS (`nms_pre`)."""

MAX_INSTANCES = 100
"""The most objects of one image (`max_per_img`)."""

_MIN_MASK_LOGIT = -3.0
"""Cells with a lower mask logit (probability 0.05) and none higher around are left out.

Chosen, not measured: what is resampled from such cells is far below what is hidden (0.27).
"""


def input_spec(size: int = 640) -> InputSpec:
    """How the published weights are fed: BGR, padded right and below with 114."""
    return InputSpec(
        height=size,
        width=size,
        colour="bgr",
        mean=(103.53, 116.28, 123.675),
        std=(57.375, 57.12, 58.395),
        letterbox="corner",
    )


class Detections(NamedTuple):
    """What is left after NMS, best score first.

    Attributes:
        boxes: [N, 4] in source pixels; they may reach into the padding.
        scores: [N].
        labels: [N].
        kernels: [N, 169].
        priors: [N, 3] as x, y, stride in input pixels.
    """

    boxes: Floats
    scores: Floats
    labels: Ints
    kernels: Floats
    priors: Floats


@dataclass(frozen=True, slots=True)
class RtmdetInsDecoder:
    """Reads one network of the family `rtmdet_ins`; see `models.decode.Decoder`.

    Attributes:
        spec: what the network was fed.
        class_count: how many classes it knows.
        as_published: leave boxes that reach into the padding and masks without a pixel as
            mmdetection gives them. Else boxes end at the image, and an object whose mask is
            empty is taken to fill its box.
    """

    spec: InputSpec
    class_count: int
    as_published: bool = False

    def decode(
        self,
        outputs: Outputs,
        fit: Letterbox,
        *,
        min_score: float = MIN_SCORE,
        classes: Collection[int] | None = None,
        sought: Collection[Collection[int]] = (),  # noqa: ARG002 - a cell counts for each class anyway
    ) -> Instances:
        """Instances in source pixels, best score first, each with its mask."""
        found, features = self.detect(outputs, fit, min_score=min_score, classes=classes)
        boxes = found.boxes
        if not self.as_published:
            boxes = np.clip(boxes, 0, np.tile(np.asarray(fit.source, np.float32), 2))
        visible = np.flatnonzero((boxes[:, 2:] > boxes[:, :2]).all(axis=1))
        logits = mask_logits(features, found.kernels[visible], found.priors[visible])
        return Instances(
            boxes[visible],
            found.scores[visible],
            found.labels[visible],
            self._masks(logits, boxes[visible], fit),
        )

    def detect(
        self,
        outputs: Outputs,
        fit: Letterbox,
        *,
        min_score: float,
        classes: Collection[int] | None = None,
    ) -> tuple[Detections, Floats]:
        """Everything but the masks, and the features [8, h, w] to draw them from.

        Raises:
            FamilyError: shapes are not what the family promises.
            InferenceError: values are not finite.
        """
        logits, distances, kernels, features = self._checked(outputs)
        parts = [
            _candidates(logits[i], distances[i], kernels[i], stride, min_score, classes)
            for i, stride in enumerate(STRIDES)
        ]
        every = Detections(*(np.concatenate(values) for values in zip(*parts, strict=True)))
        limit = np.tile(np.array([self.spec.width, self.spec.height], np.float32), 2)
        scale = np.tile(np.asarray(fit.scale, np.float64), 2)
        boxes = (np.clip(every.boxes, 0, limit) * (1 / scale)).astype(np.float32)
        solid = np.flatnonzero((boxes[:, 2:] > boxes[:, :2]).all(axis=1))
        keep = nms(
            boxes[solid],
            every.scores[solid],
            every.labels[solid],
            max_iou=NMS_IOU,
            limit=MAX_INSTANCES,
        )
        best = solid[keep]
        found = Detections(
            boxes[best],
            every.scores[best],
            every.labels[best],
            every.kernels[best],
            every.priors[best],
        )
        return found, features

    def _checked(self, outputs: Outputs) -> tuple[list[Floats], list[Floats], list[Floats], Floats]:
        size = self.spec.height, self.spec.width
        maps = [(size[0] // stride, size[1] // stride) for stride in STRIDES]
        wanted = [
            (1, channels, *shape) for channels in (self.class_count, 4, KERNEL) for shape in maps
        ]
        wanted.append((1, PROTOTYPES, *maps[0]))
        if [output.shape for output in outputs] != wanted:
            raise FamilyError(
                f"family rtmdet_ins with {self.class_count} classes at {size[1]}x{size[0]} gives "
                f"{', '.join(str(list(shape)) for shape in wanted)}; "
                f"this network gave {shapes(outputs)}"
            )
        values = [
            finite_floats(output, name)[0]
            for output, name in zip(outputs, OUTPUT_NAMES, strict=True)
        ]
        return values[:3], values[3:6], values[6:9], values[9]

    def _masks(self, logits: Floats, boxes: Floats, fit: Letterbox) -> tuple[Mask, ...]:
        rows = _axis(logits.shape[1], fit.scale[1], fit.source[1])
        columns = _axis(logits.shape[2], fit.scale[0], fit.source[0])
        return tuple(
            self._mask(resample_part(cells, rows, columns, floor=_MIN_MASK_LOGIT), box, fit)
            for cells, box in zip(logits, boxes, strict=True)
        )

    def _mask(self, part: tuple[int, int, Floats] | None, box: Floats, fit: Letterbox) -> Mask:
        if part is not None:
            x, y, logits = part
            mask = probability(x, y, np.clip(logits, -LOGIT_LIMIT, LOGIT_LIMIT))
            if mask.pixels.max() >= MASK_THRESHOLD:
                return mask
        if self.as_published:
            return whole_mask((0, 0, 0, 0))
        # Something is here, but the network can't say where: it may be anywhere in its box.
        return whole_mask(whole_rectangle(box, fit.source, grow=0))


def _candidates(
    logits: Floats,
    distances: Floats,
    kernels: Floats,
    stride: int,
    min_score: float,
    classes: Collection[int] | None,
) -> Detections:
    """The best cells of a level; a cell counts once for each class that it may be."""
    width = logits.shape[2]
    flat = logits.reshape(len(logits), -1)  # [classes, cells]
    with np.errstate(divide="ignore"):  # 0 and 1 are minus and plus infinity
        least = np.log(np.clip(min_score, 0, 1)) - np.log1p(-np.clip(min_score, 0, 1))
    label, cell = np.nonzero(flat > least)
    if classes is not None:
        wanted = np.isin(label, list(classes))
        label, cell = label[wanted], cell[wanted]
    score = 1 / (1 + np.exp(-np.clip(flat[label, cell], -LOGIT_LIMIT, LOGIT_LIMIT)))
    best = np.argsort(-score, kind="stable")[:MAX_CANDIDATES]
    label, cell = label[best], cell[best]
    x, y = (cell % width) * stride, (cell // width) * stride
    left, top, right, bottom = distances.reshape(4, -1)[:, cell]
    return Detections(
        np.stack([x - left, y - top, x + right, y + bottom], axis=1).astype(np.float32),
        score[best].astype(np.float32),
        label,
        kernels.reshape(KERNEL, -1)[:, cell].T,
        np.stack([x, y, np.full_like(x, stride)], axis=1).astype(np.float32),
    )


def _axis(cells: int, scale: float, length: int) -> Resampling:
    """From cells of stride 8 to source pixels along one axis, in mmdetection's two steps."""
    pixels = cells * MASK_STRIDE
    whole = int(np.ceil(pixels * (1 / scale)))
    return Resampling.bilinear(cells, pixels).then(Resampling.bilinear(pixels, whole)).first(length)
