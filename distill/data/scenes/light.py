"""Light: what shines on a scene, as two pictures of a ball that a surface's normal looks up.

The view is parallel, so diffuse light and what a surface mirrors depend on its normal alone
(a "matcap"); that costs one look-up a pixel instead of a lighting model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from distill.data.scenes.domain import Domain

Floats = npt.NDArray[np.float32]

_DIFFUSE_PX, _MIRROR_PX = 48, 128


@dataclass(frozen=True)
class Light:
    """Light of one scene; colours are linear RGB.

    Attributes:
        towards: unit vector to the key light: right, up, to the camera.
        colour: of the key light, float32 [3].
        ambient: share of light that casts no shadow.
        diffuse: float32 [n, n, 3], light on a matt white ball.
        mirror: float32 [m, m, 3], what a polished ball shows; `satin` is a rougher one.
    """

    towards: npt.NDArray[np.float64]
    colour: Floats
    ambient: float
    diffuse: Floats
    mirror: Floats
    satin: Floats

    def on(self, ball: Floats, across: Floats, up: Floats, angle: float) -> Floats:
        """Look the normals of a surface up that is turned by `angle` (rad, anticlockwise)."""
        turn_x, turn_y = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        half = np.float32((ball.shape[0] - 1) / 2)
        x = (across * turn_x - up * turn_y) * half + half
        y = half - (across * turn_y + up * turn_x) * half
        found = cv2.remap(ball, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(found, np.float32)


def draw_light(random: np.random.Generator, domain: Domain) -> Light:
    """Choose a key light from above and one side, the room's glow, and windows to mirror."""
    side = random.choice((-1.0, 1.0)) * random.uniform(0.35, 0.95)
    towards = np.array([side, random.uniform(0.6, 1.1), random.uniform(-0.45, 0.7)])
    towards /= np.linalg.norm(towards)
    warmth = random.uniform(*domain.warmth)
    colour = _tinted(warmth)
    ambient = random.uniform(*domain.ambient)
    sky, floor = _tinted(warmth * 0.4 - 0.05) * 1.05, _tinted(warmth + 0.12) * 0.55

    x, y, z = _ball(_DIFFUSE_PX)
    wrap = random.uniform(0.1, 0.35)
    key = np.clip((x * towards[0] + y * towards[1] + z * towards[2] + wrap) / (1 + wrap), 0, None)
    glow = sky * (0.5 + 0.5 * y)[..., None] + floor * (0.5 - 0.5 * y)[..., None]
    diffuse = 1.5 * (1 - ambient) * colour * key[..., None] + 1.25 * ambient * glow

    x, y, z = _ball(_MIRROR_PX)
    mirror = _room(random, 2 * z * x, 2 * z * y, (sky, floor), colour, float(np.sign(side)))
    mirror = np.asarray(mirror, np.float32)
    return Light(
        towards,
        colour,
        ambient,
        np.asarray(diffuse, np.float32),
        np.asarray(cv2.GaussianBlur(mirror, (0, 0), 0.9), np.float32),
        np.asarray(cv2.GaussianBlur(mirror, (0, 0), 7), np.float32),
    )


def _tinted(warmth: float) -> Floats:
    return np.array([1 + 0.55 * warmth, 1 + 0.05 * warmth, 1 - 0.75 * warmth], np.float32)


def _ball(px: int) -> tuple[Floats, Floats, Floats]:
    line = np.linspace(-1, 1, px, dtype=np.float32)
    x, y = np.meshgrid(line, -line)
    length = np.maximum(np.hypot(x, y), 1)
    x, y = np.divide(x, length), np.divide(y, length)
    return x, y, np.sqrt(np.clip(1 - x * x - y * y, 0, 1))


def _room(
    random: np.random.Generator,
    x: Floats,
    y: Floats,
    glow: tuple[Floats, Floats],
    colour: Floats,
    side: float,
) -> Floats:
    """The room in a mirror ball: bright above, dark below, a window or two and a faint strip."""
    above = _step(y, -0.25, 0.4)[..., None]
    room = 0.42 * glow[0] * above + 0.3 * glow[1] * (1 - above)
    windows = [(side * random.uniform(0.5, 0.8), random.uniform(0.1, 0.24), 4.2)]
    if random.random() < 0.6:
        windows.append((-side * random.uniform(0.6, 0.9), random.uniform(0.04, 0.1), 1.6))
    if random.random() < 0.35:
        windows.append((side * random.uniform(0.05, 0.3), random.uniform(0.04, 0.09), 1.8))
    for centre, half, strength in windows:
        pane = _step(half - np.abs(x - centre), -0.02, 0.03)
        low, high = random.uniform(-0.85, -0.5), random.uniform(0.6, 0.95)
        pane = pane * _step(y, low, low + 0.08) * _step(high - y, 0, 0.08)
        if half > 0.12 and random.random() < 0.6:  # the cross of a window
            pane = pane * (1 - 0.8 * _step(0.018 - np.abs(x - centre), 0, 0.012))
        room = room + strength * colour * pane[..., None]
    return np.asarray(room, np.float32)


def _step(value: Floats, low: float, high: float) -> Floats:
    share = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)
