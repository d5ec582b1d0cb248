"""Answers: what a file sees in a frame beside what FP32 sees there; no labels are needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.boxes import iou
from models.masks import pasted

if TYPE_CHECKING:
    from models.instances import Instances, Mask

LOWEST_SCORE = 0.05
"""How far down the partner of one of FP32's answers is looked for: an answer that fell below the
confidence has moved, too. Chosen, not measured: the worst file that was measured moves by 0.07."""

_MIN_IOU = 0.5
"""Overlap of boxes from which on two answers are the same, as in PASCAL VOC."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two networks agree on one frame, as sums over answers.

    Attributes:
        reference: FP32's answers of the confidence or more.
        seen: the file's.
        both: those that are the same by class and box.
        shift: sum of the changes in score of FP32's answers that the file gives, too, at any score.
        moved: sum of the sizes of these changes.
        overlap: sum of their masks' intersection over union.
        paired: how many those are.
    """

    reference: int
    seen: int
    both: int
    shift: float
    moved: float
    overlap: float
    paired: int


def compared(
    reference: Instances, seen: Instances, size: tuple[int, int], confidence: float
) -> Agreement:
    """Compare two readings of one frame.

    Args:
        reference: what FP32 sees.
        seen: what the file sees; both with all that scores `LOWEST_SCORE` or more.
        size: width, height of the frame.
        confidence: the least score that counts as an answer.
    """
    sure = reference.take(np.flatnonzero(reference.scores >= confidence))
    ours = seen.take(np.flatnonzero(seen.scores >= confidence))
    pairs = _pairs(sure, seen)
    changes = [float(seen.scores[j]) - float(sure.scores[i]) for i, j in pairs]
    overlaps = [_overlap(_mask(sure, i), _mask(seen, j), size) for i, j in pairs]
    return Agreement(
        len(sure),
        len(ours),
        len(_pairs(sure, ours)),
        sum(changes),
        sum(map(abs, changes)),
        sum(overlaps),
        len(pairs),
    )


def _pairs(first: Instances, second: Instances) -> list[tuple[int, int]]:
    """Indices of what is the same, best overlap first; each answer is in one pair at most."""
    table = iou(first.boxes, second.boxes)
    table[first.classes[:, None] != second.classes[None]] = 0
    pairs = []
    while table.size and table.max() >= _MIN_IOU:
        i, j = np.unravel_index(int(table.argmax()), table.shape)
        table[i], table[:, j] = 0, 0
        pairs.append((int(i), int(j)))
    return pairs


def _mask(instances: Instances, index: int) -> Mask | None:
    return None if instances.masks is None else instances.masks[index]


def _overlap(first: Mask | None, second: Mask | None, size: tuple[int, int]) -> float:
    """Of the pixels that are more likely object than not; 1 where neither has any."""
    if first is None or second is None:
        return float(first is second)
    a, b = pasted(first, size), pasted(second, size)
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 1.0
