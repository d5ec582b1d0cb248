"""Pure attacks on what an effect leaves: which candidate is it, and what do many frames show.

An attacker has the picture as we wrote it, knows the effect, and redacts every candidate alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
import numpy.typing as npt

from agent.redact.replacement import cells_of, replacement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.redact.effect import Effect

Image = npt.NDArray[np.uint8]
"""BGR or RGB, [h, w, 3]."""
Box = tuple[float, float, float, float]
"""Left, top, width, height, pixels."""
Scene = tuple[Image, Box]
"""A picture, and the box of the object in it."""
Grid = Literal["outline", "object", "frame", "jittered"]
"""What the cells hold on to: the outline, which trembles; the object itself; the frame, through
which the object moves; nothing, so that they lie elsewhere in every frame."""

NOISE = 4.0
"""Standard deviation of what a camera adds."""
JPEG_QUALITY = 85
_TREMBLE = 0.01
"""By this share of its longer side, and by half a pixel at least, does an outline miss its object
(`JITTER` in agent/track/interpolate.py)."""
_STEPS = 5
"""Places along x and along y where an attacker supposes a cover that is off."""


def left_by(effect: Effect, region: Image) -> Image:
    """A region as the effect leaves it."""
    height, width = region.shape[:2]
    cells = cells_of(width, height, effect.max_cells)
    return replacement(effect, region, cells, effect.rgb, 16)


def crop(picture: Image, box: Box) -> Image:
    """What lies in a box, two pixels at least."""
    x, y, width, height = (round(value) for value in box)
    x, y = max(x, 0), max(y, 0)
    return picture[y : y + max(height, 2), x : x + max(width, 2)]


def shifted(box: Box, x: float, y: float) -> Box:
    """The box moved by shares of its longer side."""
    longer = max(box[2:])
    return box[0] + x * longer, box[1] + y * longer, box[2], box[3]


def photographed(picture: Image, random: np.random.Generator, *, other_light: bool) -> Image:
    """The same with a camera's noise, and in another light if asked for."""
    seen = picture + random.normal(0, NOISE, picture.shape)
    if other_light:
        seen = seen * random.uniform(0.7, 1.3) * random.uniform(0.85, 1.15, 3)
    return np.asarray(seen.clip(0, 255), np.uint8)


def published(picture: Image) -> Image:
    """The same once it was compressed."""
    _, packed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


def picked_out(
    effect: Effect,
    scenes: Sequence[Scene],
    random: np.random.Generator,
    *,
    off: float,
    other_light: bool,
) -> float:
    """The share of objects that are picked out of all of them once they are redacted.

    Likeness is the correlation of luma, so that neither light nor contrast matters. Objects
    between which the attacker can't tell count as a part of a hit.

    Args:
        off: by how much a cover may miss its object along x and y, share of the longer side.
    """
    places = np.linspace(-off, off, _STEPS if off else 1)
    known = [_suppositions(effect, picture, box, places) for picture, box in scenes]
    hits = 0.0
    for at, (picture, box) in enumerate(scenes):
        there = shifted(box, *random.uniform(-off, off, 2))
        seen = photographed(picture, random, other_light=other_light)
        probe = _normal(published(left_by(effect, crop(seen, there))))
        likeness = np.array([(each @ probe).max() for each in known])
        best = likeness > likeness.max() - 1e-4
        hits += best[at] / best.sum()
    return hits / len(scenes)


def _suppositions(
    effect: Effect, picture: Image, box: Box, places: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    """The object as it would be redacted at each of these places, a row each."""
    return np.array(
        [
            _normal(left_by(effect, crop(picture, shifted(box, x, y))))
            for x in places
            for y in places
        ]
    )


def _normal(picture: Image) -> npt.NDArray[np.float32]:
    """Luma of one size, mean 0 and norm 1; all 0 where it is flat."""
    luma = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(luma, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    small -= small.mean()
    # What compression makes of a flat colour is no picture.
    return np.asarray(small / max(float(np.linalg.norm(small)), 32.0), np.float32).ravel()


def detail_shown(
    effect: Effect, scene: Scene, frames: int, grid: Grid, random: np.random.Generator
) -> float:
    """How much of an object's detail the mean of several redacted and aligned frames shows.

    The object moves from frame to frame by a way that the attacker knows.

    Returns:
        the correlation with the object itself, where each lacks its coarsest three by three cells.
    """
    picture, (x, y, width, height) = scene
    room = 24
    picture = np.asarray(cv2.copyMakeBorder(picture, *[room] * 4, cv2.BORDER_REPLICATE), np.uint8)
    x, y = x + room, y + room
    size = picture.shape[1::-1]
    seen = np.zeros(picture.shape, np.float32)
    for _ in range(frames):
        way = random.uniform(-20, 20, 2)
        there, back = (np.array([[1, 0, s * way[0]], [0, 1, s * way[1]]]) for s in (1, -1))
        frame = cv2.warpAffine(picture, there, size, borderMode=cv2.BORDER_REPLICATE)
        frame = photographed(np.asarray(frame, np.uint8), random, other_light=False)
        miss = random.normal(0, max(0.5, _TREMBLE * max(width, height)), 4) * (grid != "object")
        x0, y0 = (np.array([x, y]) + way + miss[:2]).clip(0).astype(int) // 2 * 2
        x1, y1 = np.ceil((np.array([x + width, y + height]) + way + miss[2:]) / 2).astype(int) * 2
        region = frame[y0 : max(y1, y0 + 2), x0 : max(x1, x0 + 2)]
        region[:] = _on_grid(effect, region, (int(x0), int(y0)), grid, random)
        seen += cv2.warpAffine(frame, back, size, borderMode=cv2.BORDER_REPLICATE)
    box = x, y, width, height
    mean = np.asarray((seen / frames).round(), np.uint8)
    one, other = _detail(crop(picture, box)), _detail(crop(mean, box))
    return float((one * other).sum() / max(np.linalg.norm(one) * np.linalg.norm(other), 1e-6))


def _on_grid(
    effect: Effect, region: Image, at: tuple[int, int], grid: Grid, random: np.random.Generator
) -> Image:
    """The region as the effect leaves it where its cells do not begin at its own corner."""
    if grid in ("outline", "object"):
        return left_by(effect, region)
    height, width = region.shape[:2]
    cell = round(max(width, height) / max(cells_of(width, height, effect.max_cells)))
    offset = [p % cell for p in at] if grid == "frame" else random.integers(0, cell, 2).tolist()
    left, top = offset
    right, bottom = -(left + width) % cell, -(top + height) % cell
    padded = cv2.copyMakeBorder(region, top, bottom, left, right, cv2.BORDER_REPLICATE)
    cells = padded.shape[1] // cell, padded.shape[0] // cell
    hidden = replacement(effect, np.asarray(padded, np.uint8), cells, effect.rgb, 16)
    return hidden[top : top + height, left : left + width]


def _detail(picture: Image) -> npt.NDArray[np.float32]:
    luma = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32)
    coarse = cv2.resize(luma, (3, 3), interpolation=cv2.INTER_AREA)
    return np.asarray(luma - cv2.resize(coarse, luma.shape[::-1]), np.float32)
