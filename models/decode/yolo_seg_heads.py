"""YOLO segmentation by its raw heads: what their last convolutions give, level by level.

Nothing is decoded in the network: no softmax over thousands of cells of which a handful counts, and
no tensor in which boxes share a scale with scores. The steps here are those of Ultralytics' head
(`DFL`, `dist2bbox`, `make_anchors`), for the cells that score and no others.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from models.decode.outputs import (
    finite_floats,
    outdone_by_others,
    shapes,
    sorted_ids,
    suppressed,
)
from models.errors import FamilyError
from models.masks import LOGIT_LIMIT

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from models.decode.outputs import Floats, Ints, Outputs
    from models.input_spec import InputSpec

STRIDES = (8, 16, 32)
"""Input pixels per cell of the three levels."""

RAW_OUTPUTS = (
    *(f"{kind}_{stride}" for kind in ("boxes", "classes", "coefficients") for stride in STRIDES),
    "prototypes",
)
"""How an export names the raw heads, in the order that they are read in.

Boxes `[1, 4 * bins, h, w]`: logits of how far left, top, right and bottom lie from the cell's
middle, in cells, over the bins 0, 1, ...; of one bin, that distance itself. Classes `[1, classes,
h, w]`: logits. Coefficients `[1, 32, h, w]`. Prototypes `[1, 32, height / 4, width / 4]`.
"""

COEFFICIENTS = 32
"""Mask coefficients per object, and prototypes: `nm` of Ultralytics' `Segment` head."""

_PROTOTYPE_STRIDE = 4

_ROUNDING = 1e-3
"""Logits this close below the least are looked at as scores, too: many times what float32 rounds."""


class Candidates(NamedTuple):
    """N objects in input pixels.

    Attributes:
        boxes: corners [N, 4].
        scores: [N].
        labels: class ids [N].
        coefficients: [N, 32].
    """

    boxes: Floats
    scores: Floats
    labels: Ints
    coefficients: Floats

    def take(self, index: Ints) -> Candidates:
        """The candidates at these indices, in this order."""
        return Candidates(
            self.boxes[index], self.scores[index], self.labels[index], self.coefficients[index]
        )


def is_raw(outputs: Outputs) -> bool:
    """Whether these are raw heads; the other layouts have two outputs."""
    return len(outputs) == len(RAW_OUTPUTS) and all(output.ndim == 4 for output in outputs)


def read_heads(
    outputs: Outputs,
    spec: InputSpec,
    class_count: int,
    min_score: float,
    classes: Collection[int] | None,
    sought: Collection[Collection[int]] = (),
) -> tuple[Candidates, Floats]:
    """Corners and all, best score first, without duplicates, and prototypes [32, h, w].

    Args:
        outputs: in the order of `RAW_OUTPUTS`.
        spec: what the network was fed.
        class_count: how many classes it knows.
        min_score: candidates score more than this.
        classes: the class ids that matter; None for all.
        sought: as `models.decode.Decoder` has it.

    Raises:
        FamilyError: shapes are not what these heads give for `spec`.
        InferenceError: values are not finite.
    """
    *heads, prototypes = _checked(outputs, spec, class_count)
    levels = zip(heads[:3], heads[3:6], heads[6:], STRIDES, strict=True)
    least = _least_logit(min_score)
    cells = _Cells.joined([_Cells.scoring(*level, least) for level in levels])
    wanted = np.arange(class_count) if classes is None else sorted_ids(classes)
    parts = [_candidates(cells, wanted, min_score)]
    for group in sought:
        if len(group) == class_count:  # no class is left that could score higher
            continue
        ids = sorted_ids(group)
        outdone = cells.take(np.flatnonzero(outdone_by_others(cells.logits, ids)))
        parts.append(_candidates(outdone, ids, min_score))
    every = Candidates(*(np.concatenate(values) for values in zip(*parts, strict=True)))
    return every.take(suppressed(every.boxes, every.scores, every.labels)), prototypes


def _checked(outputs: Outputs, spec: InputSpec, class_count: int) -> list[Floats]:
    maps = [(spec.height // stride, spec.width // stride) for stride in STRIDES]
    bins = max(1, outputs[0].shape[1] // 4)
    each = (4 * bins, class_count, COEFFICIENTS)
    wanted = [(1, channels, *size) for channels in each for size in maps]
    size = spec.height // _PROTOTYPE_STRIDE, spec.width // _PROTOTYPE_STRIDE
    wanted.append((1, COEFFICIENTS, *size))
    if [output.shape for output in outputs] != wanted:
        raise FamilyError(
            f"the raw heads of family yolo_seg with {class_count} classes at "
            f"{spec.width}x{spec.height} give {', '.join(str(list(shape)) for shape in wanted)}; "
            f"this network gave {shapes(outputs)}"
        )
    named = zip(outputs, RAW_OUTPUTS, strict=True)
    return [finite_floats(output, name)[0] for output, name in named]


class _Cells(NamedTuple):
    """N cells, of one level or of all, in which something scores.

    Attributes:
        logits: of all classes [classes, N].
        boxes: corners in input pixels [N, 4].
        coefficients: [N, 32].
    """

    logits: Floats
    boxes: Floats
    coefficients: Floats

    @classmethod
    def scoring(
        cls, sides: Floats, logits: Floats, coefficients: Floats, stride: int, least: float
    ) -> _Cells:
        """The cells of a level in which a class, whichever it is, has more than the least logit.

        Logits are compared where they stand: of thousands of cells a few become boxes.
        """
        width = logits.shape[2]
        every = logits.reshape(len(logits), -1)
        cells = np.flatnonzero(every.max(axis=0) > least)
        return cls(
            every[:, cells],
            _corners(sides.reshape(len(sides), -1)[:, cells], cells, width, stride),
            coefficients.reshape(COEFFICIENTS, -1)[:, cells].T,
        )

    @classmethod
    def joined(cls, levels: Sequence[_Cells]) -> _Cells:
        """Those of all levels."""
        logits, boxes, coefficients = zip(*levels, strict=True)
        return cls(
            np.concatenate(logits, axis=1), np.concatenate(boxes), np.concatenate(coefficients)
        )

    def take(self, index: Ints) -> _Cells:
        """The cells at these indices, in this order."""
        return _Cells(self.logits[:, index], self.boxes[index], self.coefficients[index])


def _least_logit(min_score: float) -> float:
    """What a score's logit must exceed, or nearly so, for the score to be looked at."""
    if not 0 < min_score < 1:
        return -math.inf if min_score <= 0 else math.inf
    return math.log(min_score) - math.log1p(-min_score) - _ROUNDING


def _candidates(cells: _Cells, ids: Ints, min_score: float) -> Candidates:
    """The cells that score in one of these classes [K], each with the best of them."""
    logits = cells.logits[ids]
    best = logits.argmax(axis=0) if len(ids) else np.empty(0, np.int64)
    top = logits.max(axis=0, initial=-np.inf)
    scores = 1 / (1 + np.exp(-np.clip(top, -LOGIT_LIMIT, LOGIT_LIMIT)))
    sure = np.flatnonzero((top > _least_logit(min_score)) & (scores > min_score))
    return Candidates(cells.boxes[sure], scores[sure], ids[best[sure]], cells.coefficients[sure])


def _corners(sides: Floats, cells: Ints, width: int, stride: int) -> Floats:
    """Raw sides [4 * bins, N] of cells [N] of a level to corners [N, 4] in input pixels."""
    by_bin = sides.reshape(4, len(sides) // 4, -1)
    bins = by_bin.shape[1]
    if bins > 1:  # the mean of a distribution over bins (Li et al., Generalized Focal Loss, 2020)
        weights = np.exp(by_bin - by_bin.max(axis=1, keepdims=True))
        far = np.arange(bins, dtype=np.float32) @ weights / weights.sum(axis=1)
    else:
        far = by_bin[:, 0]
    left, top, right, bottom = far
    y, x = (each.astype(np.float32) + 0.5 for each in np.divmod(cells, width))
    with np.errstate(over="ignore"):  # what overflows is refused by who looks at boxes
        corners = np.stack([x - left, y - top, x + right, y + bottom], axis=1) * stride
    return np.asarray(corners, np.float32)
