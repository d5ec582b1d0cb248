"""Carton: a box in weak perspective, its three visible faces printed and lit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from distill.data.scenes.sprite import OVERSAMPLE, Sprite, sprite

if TYPE_CHECKING:
    from distill.data.scenes.light import Light

Image = npt.NDArray[np.uint8]

_EYE = 7.0
"""How far away the camera is, in heights of the box."""


@dataclass(frozen=True)
class Carton:
    """A box.

    Attributes:
        wide, deep: in units of its height.
        yaw: how far it is turned about its axis (rad), positive shows its right side.
        front, side, top: prints, RGB uint8 in display colours.
    """

    tall_cm: float
    wide: float
    deep: float
    yaw: float
    front: Image
    side: Image
    top: Image


def fold(carton: Carton, tall_px: float, elevation: float, angle: float, light: Light) -> Sprite:
    """Render `carton`, `tall_px` tall, for being put down turned by `angle` (rad)."""
    px = tall_px * OVERSAMPLE
    upright = float(np.sqrt(1 - elevation**2))
    right = np.array([np.cos(carton.yaw), 0, np.sin(carton.yaw)])
    near = np.array([-np.sin(carton.yaw), 0, np.cos(carton.yaw)])
    hand = 1 if carton.yaw > 0 else -1  # which side is seen

    def project(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """World (right, up, near; foot at 0) to picture (right, down)."""
        x, y, z = points.T
        depth = y * elevation + z * upright
        scale = _EYE / (_EYE - depth)
        return np.stack([x * scale, -(y * upright - z * elevation) * scale], 1)

    half_wide, half_deep = right * carton.wide / 2, near * carton.deep / 2
    up = np.array([0.0, 1.0, 0.0])
    front = [half_deep - half_wide + up, half_deep + half_wide + up,
             half_deep + half_wide, half_deep - half_wide]  # fmt: skip
    edge, back = half_wide * hand, half_deep * hand
    side = [edge + back + up, edge - back + up, edge - back, edge + back]
    top = [-half_deep - half_wide + up, -half_deep + half_wide + up,
           half_deep + half_wide + up, half_deep - half_wide + up]  # fmt: skip
    faces = [
        (np.array(side), carton.side, right * hand),
        (np.array(top), carton.top, up),
        (np.array(front), carton.front, near),
    ]
    corners = [project(points) for points, _, _ in faces]
    low = np.min([c.min(0) for c in corners], 0) - 3 / px
    high = np.max([c.max(0) for c in corners], 0) + 3 / px
    size = tuple(int(v) for v in np.ceil((high - low) * px))
    colour = np.zeros((size[1], size[0], 3), np.float32)
    inside = np.zeros((size[1], size[0]), np.uint8)
    for (_, art, normal), quad in zip(faces, corners, strict=True):
        target = ((quad - low) * px).astype(np.float32)
        _print_face(colour, inside, art, target, _lit(normal, elevation, upright, angle, light))
    foot = (float(-low[0] * px), float(-low[1] * px))
    base = (carton.wide / 2 * px, carton.deep / 2 * px * max(elevation, 0.08))
    return sprite(colour, inside > 0, None, foot, px, base)


def _lit(
    normal: npt.NDArray[np.float64], elevation: float, upright: float, angle: float, light: Light
) -> npt.NDArray[np.float32]:
    """Light on a face: linear RGB [3]."""
    x = np.full((1, 1), normal[0], np.float32)
    y = np.full((1, 1), normal[1] * upright - normal[2] * elevation, np.float32)
    return np.asarray(light.on(light.diffuse, x, y, angle)[0, 0], np.float32)


def _print_face(
    colour: npt.NDArray[np.float32],
    inside: npt.NDArray[np.uint8],
    art: Image,
    target: npt.NDArray[np.float32],
    lit: npt.NDArray[np.float32],
) -> None:
    tall, wide = art.shape[:2]
    across = float(np.linalg.norm(target[1] - target[0]))
    down = float(np.linalg.norm(target[3] - target[0]))
    if across < 2 or down < 2:
        return
    if across < wide:
        size = max(4, int(across)), max(4, int(down))
        art = np.asarray(cv2.resize(art, size, interpolation=cv2.INTER_AREA))
        tall, wide = art.shape[:2]
    source = np.array([(0, 0), (wide, 0), (wide, tall), (0, tall)], np.float32) - 0.5
    matrix = cv2.getPerspectiveTransform(source, target - 0.5)
    size = colour.shape[1], colour.shape[0]
    linear = (art.astype(np.float32) / 255) ** 2
    edge = np.ones((tall, wide, 1), np.float32)
    edge[:1] = edge[-1:] = 1.25
    edge[:, :1] = edge[:, -1:] = 1.25  # worn edges catch the light
    fall = np.linspace(1.06, 0.86, tall, dtype=np.float32)[:, None, None]
    face = cv2.warpPerspective(
        linear * edge * fall, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    shape = np.zeros_like(inside)
    cv2.fillConvexPoly(shape, ((target - 0.5) * 16).round().astype(np.int32), 1, cv2.LINE_8, 4)
    np.copyto(colour, face * lit, where=shape[..., None] > 0)
    inside |= shape
