"""Pure geometry of boxes: conversion, overlap, suppression of duplicates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    Boxes = npt.NDArray[np.float32]


def xyxy_from_cxcywh(boxes: Boxes) -> Boxes:
    """Centre and size [N, 4] to corners [N, 4], same units."""
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def iou(a: Boxes, b: Boxes) -> npt.NDArray[np.float32]:
    """Intersection over union of corners [N, 4] and [M, 4]: float32 [N, M], 0 where both are empty."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])  # [N, M, 2]
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)  # [N, M]
    areas = _areas(a)[:, None] + _areas(b)[None] - shared
    ratio = np.divide(shared, areas, out=np.zeros_like(shared), where=areas > 0)
    return np.asarray(ratio, np.float32)


def _areas(boxes: Boxes) -> npt.NDArray[np.float32]:
    return np.asarray(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1), np.float32)


def nms(
    boxes: Boxes,
    scores: npt.NDArray[np.float32],
    classes: npt.NDArray[np.int64],
    *,
    max_iou: float,
    limit: int,
) -> npt.NDArray[np.int64]:
    """Greedy suppression of duplicates, each class by itself.

    Args:
        boxes: corners [N, 4].
        scores: [N].
        classes: [N]; boxes of different classes never suppress one another.
        max_iou: a box that overlaps a better one by more than this is dropped.
        limit: the most boxes to keep.

    Returns:
        Indices of the boxes to keep, best score first.
    """
    if not len(boxes):
        return np.empty(0, np.int64)
    # The boxes are wanted as x, y, width, height.
    corner_and_size = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    keep = cv2.dnn.NMSBoxesBatched(
        corner_and_size.tolist(),
        scores.tolist(),
        classes.tolist(),
        score_threshold=0.0,
        nms_threshold=max_iou,
    )
    return np.asarray(keep, np.int64).reshape(-1)[:limit]
