"""Textures: flat pieces of wood, cloth, stone, tile, wallpaper and clutter, in display colours."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Size = tuple[int, int]
"""Height and width."""

_FINE = 0.035


def noise(random: np.random.Generator, size: Size, scales: dict[float, float]) -> Floats:
    """Smooth noise [h, w] around 0: `scales` maps a grain, in shares of the height, to a strength."""
    total = np.zeros(size, np.float32)
    # Coarse grains are smooth, so a quarter of the pixels is enough to work them out.
    quarter = -(-size[0] // 4), -(-size[1] // 4)
    smooth = np.zeros(quarter, np.float32)
    for grain, strength in scales.items():
        cells = max(2, round(1 / grain)) + 2, max(2, round(size[1] / size[0] / grain)) + 2
        coarse = random.standard_normal(cells, np.float32) * np.float32(strength)
        if grain > _FINE:
            smooth += cv2.resize(coarse, quarter[::-1], interpolation=cv2.INTER_CUBIC)
        else:
            total += cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_LINEAR)
    total += cv2.resize(smooth, size[::-1], interpolation=cv2.INTER_LINEAR)
    return total


def _tinted(colour: Floats, light: Floats) -> Image:
    """`colour` [3], brighter and darker by `light` [h, w] (share)."""
    channels = [cv2.convertScaleAbs(light, alpha=float(c), beta=float(c)) for c in colour]
    return np.asarray(cv2.merge(channels), np.uint8)


def _lit(art: Image, light: Floats) -> Image:
    """`art`, brighter and darker by `light` [h, w] (share)."""
    share = cv2.merge([1 + light] * 3)
    return np.asarray(cv2.multiply(art, share, dtype=cv2.CV_8U), np.uint8)


def _colour(random: np.random.Generator, low: float, high: float, chroma: float) -> Floats:
    """Greyish and rather warm, as most things in a room are."""
    grey, warm, green = random.uniform(low, high), random.normal(0.25, 0.6), random.normal(0, 0.35)
    tint = chroma * np.array([warm, green, -warm])
    return np.clip(grey + tint, 8, 247).astype(np.float32)


def paint(random: np.random.Generator, size: Size) -> Image:
    """An even coat with faint mottling."""
    colour = _colour(random, 135, 225, 32)
    return _tinted(colour, noise(random, size, {0.4: 0.028, 0.06: 0.012}))


def shaded(random: np.random.Generator, size: Size) -> Image:
    """One colour that runs into another."""
    first, second = _colour(random, 90, 225, 40), _colour(random, 90, 225, 40)
    slope = np.linspace(-1, 1, size[0], dtype=np.float32)[:, None] * random.uniform(-1, 1)
    slope = slope + np.linspace(-1, 1, size[1], dtype=np.float32)[None] * random.uniform(-1, 1)
    share = np.clip(0.5 + slope * 0.6, 0, 1)
    channels = [
        cv2.convertScaleAbs(share, alpha=float(one - other), beta=float(other))
        for one, other in zip(first, second, strict=True)
    ]
    return np.asarray(cv2.merge(channels), np.uint8)


def wood(random: np.random.Generator, size: Size) -> Image:
    """Planks, with grain and seams that run across."""
    base = np.array(
        [(150, 104, 64), (186, 148, 104), (112, 72, 44), (205, 178, 140), (84, 60, 46)][
            random.integers(5)
        ],
        np.float32,
    )
    base = base + random.uniform(-14, 14, 3).astype(np.float32)
    streaks = random.standard_normal((size[0], max(3, size[1] // 90)), np.float32) * 0.07
    grain = cv2.resize(streaks, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
    grain = grain + noise(random, size, {0.3: 0.06, 0.05: 0.02})
    planks = random.integers(2, 8)
    edges = np.linspace(0, size[0], planks + 1).astype(int)
    for top, bottom in pairwise(edges):
        grain[top:bottom] += random.normal(0, 0.07)
        grain[max(0, bottom - max(1, size[0] // 160)) : bottom] -= 0.35
    return _tinted(base, grain)


def cloth(random: np.random.Generator, size: Size) -> Image:
    """Checks, or stripes."""
    colours = [_colour(random, 60, 225, 50) for _ in range(3)]
    step = size[0] / random.uniform(5, 14)
    x, y = np.arange(size[1]) / step, np.arange(size[0]) / step
    share = 0.5 * ((x % 1) < 0.5)[None]
    if random.random() < 0.7:
        share = share + 0.5 * ((y % 1) < 0.5)[:, None]
    else:
        share = np.broadcast_to(share * 2, size)
    number = np.round(share * 2).astype(np.uint8)
    number[((x % 1) < 0.06)[None] | ((y % 2) < 0.06)[:, None]] = 3
    mixed = np.asarray((colours[0] + colours[1]) / 2, np.float32)
    dyed = [colours[1], mixed, colours[0], colours[2]]
    return _lit(_dyed(number, dyed), noise(random, size, {0.5: 0.05, 0.01: 0.05}))


def _dyed(number: Image, colours: list[Floats]) -> Image:
    """Colours by number."""
    table = np.zeros((256, 1, 3), np.uint8)
    table[: len(colours), 0] = colours
    return np.asarray(cv2.LUT(cv2.merge([number] * 3), table), np.uint8)


def stone(random: np.random.Generator, size: Size) -> Image:
    """Marble's veins, or terrazzo's chips."""
    colour = _colour(random, 70, 225, 14)
    body = noise(random, size, {0.5: 0.06, 0.1: 0.03, 0.02: 0.03})
    if random.random() < 0.5:
        field = noise(random, size, {0.45: 1.0, 0.15: 0.45, 0.05: 0.16})
        return _tinted(colour, body - 0.4 * np.exp(-((field / 0.07) ** 2)))
    art = _tinted(colour, body)
    for _ in range(240):
        centre = int(random.integers(size[1])), int(random.integers(size[0]))
        axes = tuple(int(v) for v in random.integers(1, max(3, size[0] // 45), 2))
        chip = _colour(random, 40, 230, 40).tolist()
        cv2.ellipse(art, centre, axes, float(random.uniform(0, 180)), 0, 360, chip, -1, cv2.LINE_AA)
    return art


def tiles(random: np.random.Generator, size: Size) -> Image:
    """Tiles, or bricks, and their joints."""
    colour, joint = _colour(random, 90, 220, 45), _colour(random, 60, 220, 12)
    high = size[0] / random.uniform(5, 14)
    wide = high * random.choice((1.0, 2.2, 3.0))
    brick = random.random() < 0.6
    row = np.floor(np.arange(size[0]) / high)
    x = np.arange(size[1])[None] / wide + (0.5 * (row % 2) * brick)[:, None]
    y = np.arange(size[0])[:, None] / high
    number = (row[:, None] * 57 + np.floor(x) * 131).astype(np.int64) % 97
    light = random.normal(0, 0.07, 97).astype(np.float32)[number]
    light += noise(random, size, {0.03: 0.03, 0.3: 0.04})
    gap = 0.05
    seam = ((x % 1) < gap * high / wide) | ((y % 1) < gap)
    art = _tinted(colour, light)
    art[seam] = joint
    return art


def books(random: np.random.Generator, size: Size) -> Image:
    """Shelves full of spines."""
    art = _tinted(_colour(random, 35, 110, 12), noise(random, size, {0.2: 0.05}))
    shelves = random.integers(2, 5)
    pitch = size[0] / shelves
    for shelf in range(shelves):
        foot = int((shelf + 0.94) * pitch)
        x = 0
        while x < size[1]:
            thick = int(pitch * random.uniform(0.06, 0.2)) + 1
            tall = int(pitch * random.uniform(0.55, 0.85))
            spine = _colour(random, 40, 200, 70).tolist()
            if random.random() < 0.9:
                cv2.rectangle(art, (x, foot - tall), (x + thick - 1, foot), spine, -1)
                band = foot - int(tall * random.uniform(0.2, 0.9))
                ink = _colour(random, 60, 230, 50).tolist()
                cv2.rectangle(art, (x + 1, band), (x + thick - 2, band + tall // 12), ink, -1)
                art[foot - tall : foot, x : x + 1] //= 2
            x += thick
    return art


def clutter(random: np.random.Generator, size: Size) -> Image:
    """A heap of upright and slanting things: what stands behind, out of focus or not."""
    art = shaded(random, size)
    for _ in range(random.integers(25, 70)):
        centre = random.uniform(0, size[1]), random.uniform(0, size[0])
        ink = _colour(random, 30, 230, 70).tolist()
        tall = size[0] * random.uniform(0.04, 0.4)
        kind = random.integers(4)
        at = int(centre[0]), int(centre[1])
        if kind == 0:
            cv2.circle(art, at, int(tall / 3), ink, -1, cv2.LINE_AA)
        elif kind == 1:
            axes = int(tall * random.uniform(0.1, 0.5)), int(tall / 2)
            cv2.ellipse(art, at, axes, float(random.uniform(-30, 30)), 0, 360, ink, -1, cv2.LINE_AA)
        else:
            extent = tall * random.uniform(0.1, 0.9), tall
            corners = cv2.boxPoints((centre, extent, float(random.normal(0, 8))))
            cv2.fillPoly(art, [corners.astype(np.int32)], ink, cv2.LINE_AA)
            if kind == 3:  # something pillar-like, with a gleam, but no neck
                cv2.line(art, at, (at[0], at[1] + int(tall / 3)), (235, 235, 235), 1, cv2.LINE_AA)
    return _lit(art, noise(random, size, {0.1: 0.05, 0.02: 0.04}))


def posters(random: np.random.Generator, size: Size) -> Image:
    """Pictures and notes on a wall."""
    art = paint(random, size)
    for _ in range(random.integers(3, 9)):
        tall, wide = (int(size[0] * random.uniform(0.1, 0.4)) for _ in range(2))
        x, y = int(random.integers(-wide // 2, size[1])), int(random.integers(-tall // 2, size[0]))
        content = (clutter, shaded, stone, tiles)[random.integers(4)](random, (tall + 8, wide + 8))
        part = art[max(0, y) : y + tall, max(0, x) : x + wide]
        part[:] = content[: part.shape[0], : part.shape[1]]
        frame = _colour(random, 20, 230, 10).tolist()
        cv2.rectangle(art, (x, y), (x + wide, y + tall), frame, max(1, size[0] // 90), cv2.LINE_AA)
    return art


PLAIN_WALLS: tuple[Callable[[np.random.Generator, Size], Image], ...] = (paint, shaded, paint)
BUSY_WALLS: tuple[Callable[[np.random.Generator, Size], Image], ...] = (
    books,
    clutter,
    tiles,
    posters,
    cloth,
    clutter,
)
PLAIN_TABLES: tuple[Callable[[np.random.Generator, Size], Image], ...] = (wood, paint, wood)
BUSY_TABLES: tuple[Callable[[np.random.Generator, Size], Image], ...] = (
    wood,
    cloth,
    stone,
    tiles,
    cloth,
)
