"""Compose: sprites onto a picture, turned, scaled and seen through where they are of glass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from distill.data.scenes.sprite import COVERED

if TYPE_CHECKING:
    from distill.data.scenes.actor import Actor

Floats = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]


def chained(second: Matrix, first: Matrix) -> Matrix:
    """[2, 3]: `first`, then `second`."""
    turn = second[:, :2] @ first[:, :2]
    return np.column_stack([turn, second[:, :2] @ first[:, 2] + second[:, 2]])


def _centred(matrix: Matrix) -> Matrix:
    """OpenCV counts from the middle of the first pixel, we from its corner."""
    shift = matrix[:, :2] @ (0.5, 0.5) + matrix[:, 2] - 0.5
    return np.column_stack([matrix[:, :2], shift])


def warped(array: Floats, matrix: Matrix, size: tuple[int, int]) -> Floats:
    """`array` under `matrix` [2, 3], in a picture of `size` (width, height).

    Beyond its rim is its mirror image if it has three channels, nothing otherwise.
    """
    border = (
        cv2.BORDER_REFLECT_101 if array.ndim == 3 and array.shape[2] == 3 else cv2.BORDER_CONSTANT
    )
    found = cv2.warpAffine(
        array, _centred(matrix), size, flags=cv2.INTER_LINEAR, borderMode=border, borderValue=0
    )
    return np.asarray(found, np.float32)


def compose(actor: Actor, matrix: Matrix, light: Floats, owner: npt.NDArray[np.int16]) -> None:
    """Put a sprite on the picture."""
    tall, wide = actor.sprite.paint.shape[:2]
    corners = np.array([(0, 0, 1), (wide, 0, 1), (0, tall, 1), (wide, tall, 1)]) @ matrix.T
    low = np.maximum(np.floor(corners.min(0)).astype(int) - 1, 0)
    high = np.minimum(np.ceil(corners.max(0)).astype(int) + 1, light.shape[1::-1])
    if (high <= low).any():
        return
    x0, y0 = int(low[0]), int(low[1])
    x1, y1 = int(high[0]), int(high[1])
    local = np.column_stack([matrix[:, :2], matrix[:, 2] - (x0, y0)])
    paint = warped(actor.sprite.paint, local, (x1 - x0, y1 - y0))
    alpha = paint[..., 3:]
    part = light[y0:y1, x0:x1]
    under = part * (1 - alpha)
    if actor.sprite.through is not None:
        passed = warped(actor.sprite.through, local, (x1 - x0, y1 - y0))
        shift = passed[..., 3] / np.maximum(paint[..., 3], np.float32(1e-3))
        behind = _behind(light, np.asarray(shift, np.float32), matrix, (x0, y0))
        under += np.multiply(passed[..., :3], behind)
    part[:] = under + paint[..., :3]
    owner[y0:y1, x0:x1][paint[..., 3] >= COVERED] = actor.placed.track_id


def _behind(light: Floats, shift: Floats, matrix: Matrix, at: tuple[int, int]) -> Floats:
    """What is seen through glass: the picture behind, bent along the glass's own right."""
    tall, wide = shift.shape
    x = np.arange(at[0], at[0] + wide, dtype=np.float32)[None] + shift * np.float32(matrix[0, 0])
    y = np.arange(at[1], at[1] + tall, dtype=np.float32)[:, None] + shift * np.float32(matrix[1, 0])
    return np.asarray(
        cv2.remap(light, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101), np.float32
    )
