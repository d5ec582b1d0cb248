"""Camera: its motion, exposure, blur, noise and tone curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from distill.data.scenes.domain import Domain

Floats = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]

_WHITE, _KNEE = 1.35, 0.8
"""Square roots of the light that is cut off, and from which on it is compressed."""

_PAN, _ZOOM = 0.1, 0.12
"""The farthest that a camera turns (picture heights) and zooms."""


@dataclass(frozen=True)
class Wander:
    """A camera's way: slow waves for the pan and the zoom, quick ones for the hand.

    Attributes:
        reach: of the pan (right, down), in picture heights, and of the zoom.
        turns: how fast the three go (rad/s); `phases` where they begin.
        shake: amplitude of the hand, in picture heights.
        roll: rad.
    """

    reach: tuple[float, float, float]
    turns: tuple[float, ...]
    phases: tuple[float, ...]
    shake: float
    roll: float

    def matrix(self, time_s: float, aspect: float, px: float) -> Matrix:
        """[2, 3] from picture heights to pixels at a time."""
        waves = np.sin(np.multiply(self.turns, time_s) + self.phases)
        pan_x, pan_y, zoom = self.reach * waves[:3]
        right = pan_x + self.shake * (0.7 * waves[3] + 0.3 * waves[4])
        down = pan_y + self.shake * (0.7 * waves[5] + 0.3 * waves[6])
        roll = self.roll + 0.4 * self.shake * waves[7]
        centre = np.array([aspect / 2, 0.5])
        turn = (1 + zoom) * np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
        move = centre + np.array([right, down]) - turn @ centre
        return px * np.column_stack([turn, move])


@dataclass(frozen=True)
class Camera:
    """How a picture is taken; see Domain for the units."""

    wander: Wander
    exposure: float
    exposure_s: float
    balance: tuple[float, float, float]
    contrast: float
    vignette: float
    noise: float
    defocus: float
    jpeg: int

    def develop(self, light: Floats, random: np.random.Generator) -> Image:
        """Linear light [h, w, 3] to RGB uint8.

        The square root stands for the gamma; it makes shot noise even, so noise is added behind it.
        """
        tall, wide = light.shape[:2]
        gain = _vignette((tall, wide), self.vignette) * np.float32(self.exposure)
        tint = cv2.merge([gain * np.float32(c) for c in self.balance])
        light = np.asarray(cv2.multiply(light, tint), np.float32)
        blur = self.defocus * tall
        if blur > 0.25:
            light = np.asarray(cv2.GaussianBlur(light, (0, 0), blur), np.float32)
        picture = np.asarray(cv2.sqrt(light), np.float32)
        strength = np.float32(0.75 * self.noise)
        grain = random.standard_normal((tall, wide), np.float32) * strength
        coarse = random.standard_normal((-(-tall // 3), -(-wide // 3), 3), np.float32) * strength
        stretched = cv2.resize(coarse, (wide, tall), interpolation=cv2.INTER_LINEAR)
        picture += np.asarray(stretched, np.float32)
        picture += np.asarray(cv2.merge([grain] * 3), np.float32)
        codes = cv2.convertScaleAbs(picture, alpha=255 / _WHITE)
        developed = cv2.LUT(codes, self._curve())
        _, data = cv2.imencode(".jpg", developed, [cv2.IMWRITE_JPEG_QUALITY, self.jpeg])
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)

    def _curve(self) -> Image:
        """The middle steeper, and a shoulder, so that lights don't burn out at once."""
        value = _WHITE * np.arange(256) / 255
        over = np.maximum(value - _KNEE, 0)
        value = np.minimum(value, _KNEE) + (1 - _KNEE) * np.tanh(over / (1 - _KNEE))
        bent = value + self.contrast * value * (1 - value) * (2 * value - 1)
        return np.clip(255 * bent + 0.5, 0, 255).astype(np.uint8)


def draw_camera(random: np.random.Generator, domain: Domain, *, moving: bool) -> Camera:
    """Choose a camera; one that stands still in a clip is as likely as one that pans."""
    pans = moving and random.random() < 0.65
    reach = (
        random.uniform(0.02, _PAN) * pans,
        random.uniform(0, _PAN / 3) * pans,
        random.uniform(0, _ZOOM) * pans,
    )
    turns = (*random.uniform(0.4, 1.4, 3), *random.uniform(3, 16, 5))
    phases = tuple(random.uniform(0, 2 * np.pi, 8))
    wander = Wander(reach, turns, phases, random.uniform(*domain.shake), random.normal(0, 0.02))
    return Camera(
        wander,
        random.uniform(*domain.exposure),
        random.uniform(*domain.exposure_s),
        tuple(random.uniform(0.96, 1.04, 3)),
        random.uniform(0.1, 0.5),
        random.uniform(0, 0.35),
        random.uniform(*domain.noise),
        random.uniform(*domain.defocus) / 1000,
        int(random.integers(domain.jpeg[0], domain.jpeg[1] + 1)),
    )


def _vignette(size: tuple[int, int], strength: float) -> Floats:
    y = np.linspace(-1, 1, size[0], dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, size[1], dtype=np.float32)[None]
    return np.asarray(1 - np.float32(strength) * (x * x + y * y) / 2, np.float32)
