"""A procedural clip: bottles that roll past on a table, with no frame of anybody's in it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    Image = npt.NDArray[np.uint8]

WIDTH, HEIGHT, RATE, SECONDS = 1280, 720, 30, 6
_TABLE = 0.72  # the table's edge, share of the height
_SEED = 7

# A bottle's radius along its height, in shares of the height, from the cap down.
_HEIGHTS = (0, 0.03, 0.031, 0.07, 0.075, 0.24, 0.40, 0.46, 0.95, 0.99, 1)
_RADII = (0.15, 0.15, 0.17, 0.17, 0.13, 0.14, 0.40, 0.44, 0.44, 0.42, 0.36)


@dataclass(frozen=True)
class Bottle:
    """A bottle and its path: where it stands at the start, how fast it goes (px a second)."""

    x: float
    foot: float
    height: int
    speed: float
    sway: float
    glass: tuple[int, int, int]
    label: tuple[int, int, int]


_BOTTLES = (
    Bottle(-60, 592, 230, 190, 0.0, (20, 60, 30), (235, 232, 225)),
    Bottle(1120, 640, 250, -230, 40.0, (60, 30, 15), (40, 70, 140)),
    Bottle(520, 610, 240, 35, 110.0, (28, 58, 96), (235, 232, 225)),
    Bottle(-420, 660, 260, 320, 0.0, (20, 60, 30), (150, 40, 40)),
)


def render(path: Path) -> None:
    """Write the clip as H.264."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "18"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base = Fraction(1, RATE)
        for image in frames():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def frames() -> Iterator[Image]:
    """RGB uint8 [HEIGHT, WIDTH, 3], one after the other."""
    random = np.random.default_rng(_SEED)
    room = _room(random)
    sprites = [_sprite(bottle) for bottle in _BOTTLES]
    for index in range(RATE * SECONDS):
        time_s = index / RATE
        image = room.copy()
        for bottle, sprite in sorted(
            zip(_BOTTLES, sprites, strict=True), key=lambda pair: pair[0].foot
        ):
            x = bottle.x + bottle.speed * time_s + bottle.sway * np.sin(2.2 * time_s)
            _shadow(image, x + sprite.shape[1] / 2, bottle.foot, sprite.shape[1])
            _paste(image, sprite, x, bottle.foot - bottle.height)
        noise = random.normal(0, 2.5, (HEIGHT, WIDTH, 1))
        yield np.clip(image + noise, 0, 255).astype(np.uint8)


def _room(random: np.random.Generator) -> Image:
    image = (
        np.full((HEIGHT, WIDTH, 3), (176.0, 168.0, 150.0))
        * np.linspace(0.85, 1.1, HEIGHT)[:, None, None]
    )
    for scale, strength in ((8, 5), (40, 7), (160, 12)):
        coarse = random.normal(0, strength, (HEIGHT // scale + 2, WIDTH // scale + 2))
        image += cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)[..., None]
    edge = int(HEIGHT * _TABLE)
    grain = cv2.resize(random.normal(0, 16, (HEIGHT - edge, 6)), (WIDTH, HEIGHT - edge))
    shade = np.linspace(0.8, 1.15, HEIGHT - edge)[:, None, None]
    image[edge:] = np.array((126.0, 84.0, 52.0)) * shade + grain[..., None]
    return np.clip(image, 0, 255).astype(np.uint8)


def _sprite(bottle: Bottle) -> Image:
    """RGBA, a solid of revolution lit from the left."""
    height, width = bottle.height, round(bottle.height * 0.3)
    down = np.linspace(0, 1, height)[:, None]
    radius = np.interp(down, _HEIGHTS, _RADII)
    across = ((np.arange(width) + 0.5) / width - 0.5)[None] / radius  # [h, w], -1 to 1 inside
    inside = np.abs(across) < 1
    facing = np.sqrt(np.clip(1 - across**2, 0, 1))[..., None]
    on_label = ((down > 0.52) & (down < 0.82) & inside)[..., None]
    colour = np.where((down < 0.07)[..., None], (190, 40, 40), bottle.glass) * (
        0.35 + 0.65 * facing
    )
    colour = np.where(on_label, np.array(bottle.label) * (0.45 + 0.55 * facing), colour)
    gleam = 0.75 * np.exp(-(((across + 0.55) / 0.1) ** 2))
    gleam += 0.35 * np.exp(-(((across - 0.65) / 0.06) ** 2))
    colour = colour + 255 * gleam[..., None] * np.where(on_label, 0.15, 1)
    return np.dstack([np.clip(colour, 0, 255), inside * 255]).astype(np.uint8)


def _shadow(image: Image, x: float, foot: float, width: int) -> None:
    shade = np.zeros(image.shape[:2], np.float32)
    axes = round(width * 0.8), round(width * 0.22)
    cv2.ellipse(shade, (round(x + 16), round(foot)), axes, 0, 0, 360, 1.0, -1)
    shade = cv2.GaussianBlur(shade, (0, 0), 9)[..., None]
    image[:] = image * (1 - 0.55 * shade)


def _paste(image: Image, sprite: Image, x: float, y: float) -> None:
    shift = np.array([[1, 0, x], [0, 1, y]])
    layer = cv2.warpAffine(sprite, shift, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
    alpha = layer[..., 3:] / 255
    image[:] = image * (1 - alpha) + layer[..., :3] * alpha
