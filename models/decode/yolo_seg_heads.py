"""YOLO segmentation by its raw heads: what their last convolutions give, level by level.

Nothing is decoded in the network: no softmax over thousands of cells of which a handful counts, and
no tensor in which boxes share a scale with scores. The steps here are those of Ultralytics' head
(`DFL`, `dist2bbox`, `make_anchors`), for the cells that score and no others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from models.decode.outputs import finite_floats, shapes, suppressed
from models.errors import FamilyError
from models.masks import LOGIT_LIMIT

if TYPE_CHECKING:
    from collections.abc import Collection

    from models.decode.outputs import Floats, Ints, Outputs
    from models.preprocess import InputSpec

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
) -> tuple[Candidates, Floats]:
    """Corners and all, best score first, without duplicates, and prototypes [32, h, w].

    Args:
        outputs: in the order of `RAW_OUTPUTS`.
        spec: what the network was fed.
        class_count: how many classes it knows.
        min_score: candidates score more than this.
        classes: the class ids that matter; None for all.

    Raises:
        FamilyError: shapes are not what these heads give for `spec`.
        InferenceError: values are not finite.
    """
    *heads, prototypes = _checked(outputs, spec, class_count)
    wanted = None if classes is None else np.unique(np.fromiter(classes, np.int64))
    levels = zip(heads[:3], heads[3:6], heads[6:], STRIDES, strict=True)
    parts = [_scoring(*level, min_score, wanted) for level in levels]
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


def _scoring(
    sides: Floats,
    logits: Floats,
    coefficients: Floats,
    stride: int,
    min_score: float,
    wanted: Ints | None,
) -> Candidates:
    """The cells of a level that score in a class that matters."""
    width = logits.shape[2]
    flat = logits.reshape(len(logits), -1)  # [classes, cells]
    ids = np.arange(len(flat)) if wanted is None else wanted
    flat = flat if wanted is None else flat[wanted]
    with np.errstate(divide="ignore"):  # 0 and 1 are minus and plus infinity
        least = np.log(np.clip(min_score, 0, 1)) - np.log1p(-np.clip(min_score, 0, 1))
    # Logits are compared where they stand; of thousands of cells a few become scores and boxes.
    cells = np.flatnonzero(flat.max(axis=0, initial=-np.inf) > least - _ROUNDING)
    few = flat[:, cells]
    best = few.argmax(axis=0) if len(few) else np.empty(0, np.int64)
    top = few[best, np.arange(len(cells))]
    scores = 1 / (1 + np.exp(-np.clip(top, -LOGIT_LIMIT, LOGIT_LIMIT)))
    sure = scores > min_score
    cells = cells[sure]
    return Candidates(
        _corners(sides.reshape(len(sides), -1)[:, cells], cells, width, stride),
        scores[sure],
        ids[best[sure]].astype(np.int64),
        coefficients.reshape(COEFFICIENTS, -1)[:, cells].T,
    )


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
