"""Surface: which point of a solid of revolution each pixel of its picture sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from distill.data.scenes.profile import Profile

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Surface:
    """A solid seen in parallel from a little above; arrays are [h, w], row 0 is the top.

    Attributes:
        inside: bool, the silhouette.
        height: along the axis, 0 at the foot to 1.
        across: -1 to 1, the place on the circle at that height.
        front: 0 to 1, how much of the surface turned to us; 1 in the middle.
        radius: of the circle at that height, in units of the solid's height.
        normal_x, normal_y, normal_z: to the right, up, to the camera.
        top: bool, the disc on top; `depth` is 0 at its far rim to 1 at its near one.
        foot: pixel (x, y) of the middle of the base.
        px: pixels of one height.
    """

    inside: npt.NDArray[np.bool_]
    height: Floats
    across: Floats
    front: Floats
    radius: Floats
    normal_x: Floats
    normal_y: Floats
    normal_z: Floats
    top: npt.NDArray[np.bool_]
    depth: Floats
    foot: tuple[float, float]
    px: float


def surface(profile: Profile, px: float, elevation: float) -> Surface:
    """Look at `profile`, `px` tall, with a camera above by `elevation` (sine of its angle).

    The solid is a pile of discs. Of the discs that a pixel lies on, the ray from above meets
    the highest first, and a disc's near edge decides from which row on it is seen.
    """
    upright = float(np.sqrt(1 - elevation**2))
    count = max(8, round(px))
    heights = np.linspace(0, 1, count, dtype=np.float32)
    radii = profile.radius(heights)
    widest = float(radii.max())
    width = int(np.ceil(2 * widest * px)) + 4
    low_y = -elevation * widest - 2 / px
    rows = int(np.ceil((upright + 2 * elevation * widest) * px)) + 4
    x = ((np.arange(width, dtype=np.float32) + 0.5 - width / 2) / px)[None]
    y = (low_y + (np.arange(rows, dtype=np.float32) + 0.5) / px)[:, None]

    half = np.sqrt(np.clip(radii[:, None] ** 2 - x * x, 0, None))
    near = heights[:, None] * np.float32(upright) - np.float32(elevation) * half
    near[radii[:, None] <= np.abs(x)] = np.inf
    near = np.minimum.accumulate(near[::-1])[::-1]
    first = np.clip(np.ceil((near - low_y) * px - 0.5), 0, rows).astype(np.int32)
    disc = np.full((rows + 1, width), -1, np.int32)
    # Discs come in rising order, so where two begin on a row the higher stays.
    disc[first, np.arange(width)[None]] = np.arange(count, dtype=np.int32)[:, None]
    disc = np.maximum.accumulate(disc, axis=0)[:rows]

    seen = np.maximum(disc, 0)
    radius = radii[seen]
    half = np.sqrt(np.clip(radius**2 - x * x, 0, None))
    level = heights[seen]
    inside = (disc >= 0) & (y <= level * upright + elevation * half + 0.5 / px)
    rim = upright - elevation * half
    top = inside & (disc == count - 1) & (y > rim + 0.75 / px)
    depth = np.clip((upright + elevation * half - y) / np.maximum(2 * elevation * half, 1e-6), 0, 1)
    exact = (y + elevation * half) / upright
    level = np.clip(exact, level - 1.5 / count, level + 1.5 / count)

    slope = np.gradient(radii, heights)
    outward = (1 / np.sqrt(1 + slope**2)).astype(np.float32)
    upward = (-slope).astype(np.float32) * outward
    across = np.clip(x / np.maximum(radius, 1e-6), -1, 1)
    front = half / np.maximum(radius, 1e-6)
    out, up = outward[seen], upward[seen]
    normal_x = np.where(top, 0, out * across)
    normal_y = np.where(top, upright, up * upright - elevation * out * front)
    normal_z = np.where(top, elevation, np.clip(up * elevation + out * front * upright, 0.02, 1))

    def flipped(array: npt.NDArray[np.floating[Any]]) -> Floats:
        return np.ascontiguousarray(array[::-1], np.float32)

    return Surface(
        np.ascontiguousarray(inside[::-1]),
        flipped(np.clip(level, 0, 1)),
        flipped(across),
        flipped(front),
        flipped(radius),
        flipped(normal_x),
        flipped(normal_y),
        flipped(normal_z),
        np.ascontiguousarray(top[::-1]),
        flipped(depth),
        (width / 2, rows + low_y * px),
        px,
    )
