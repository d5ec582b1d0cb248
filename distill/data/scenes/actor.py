"""Actor: an object of a scene, rendered once at one resolution, ready to be put on pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from distill.data.scenes.carton import Carton, fold
from distill.data.scenes.lathe import turn
from distill.data.scenes.sprite import COVERED

if TYPE_CHECKING:
    from distill.data.scenes.scene import Placed, Scene
    from distill.data.scenes.sprite import Sprite

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Actor:
    """A rendered object.

    Attributes:
        turn: [2, 2], from its sprite's pixels to picture heights; `anchor` is its pixel that
            stands on (x, foot).
        covers: pixels of the whole silhouette, in squared picture heights.
        ground: half the width and the depth that touch the ground, in picture heights.
    """

    placed: Placed
    sprite: Sprite
    turn: Matrix
    anchor: npt.NDArray[np.float64]
    covers: float
    ground: tuple[float, float]
    veil: float


def bake(placed: Placed, scene: Scene, px: int) -> Actor:
    """Render an object of a scene for pictures that are `px` pixels high."""
    thing, look = placed.thing, (placed.size * px, placed.elevation, placed.angle, scene.light)
    sprite = fold(thing, *look) if isinstance(thing, Carton) else turn(thing, *look)
    cos, sin = np.cos(placed.angle), np.sin(placed.angle)
    rotate = np.array([[cos, sin], [-sin, cos]])
    alpha = sprite.paint[..., 3] > COVERED
    y, x = np.nonzero(alpha)
    points = np.stack([x, y], 1) + 0.5
    foot = np.array(sprite.foot)
    turned = (points - foot) @ rotate.T
    lowest = float(turned[:, 1].max())
    base, deep = sprite.base
    if placed.lying:
        thick = float(np.ptp(turned[:, 1]))
        middle = np.array([(turned[:, 0].min() + turned[:, 0].max()) / 2, lowest - 0.12 * thick])
        ground = float(np.ptp(turned[:, 0])) * 0.46, thick * 0.22
        anchor = foot + rotate.T @ middle
    else:
        # It leans on the lower edge of its foot.
        anchor = foot + rotate.T @ np.array([0, lowest - float((points - foot)[:, 1].max())])
        ground = base, deep
    scale = placed.size / sprite.px
    return Actor(
        placed,
        sprite,
        rotate * scale,
        anchor,
        float(alpha.sum()) * scale**2,
        (ground[0] * scale, ground[1] * scale),
        1.0 if sprite.through is None else 0.6,
    )


def stand_of(actor: Actor, time_s: float) -> Matrix:
    """[2, 3] from the sprite's pixels to picture heights."""
    place = np.array([actor.placed.at(time_s), actor.placed.foot])
    return np.column_stack([actor.turn, place - actor.turn @ actor.anchor])
