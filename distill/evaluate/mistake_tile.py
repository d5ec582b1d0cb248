"""Mistake tile: one image's mistakes, drawn into the part of it that they are in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image as PilImage
from PIL import ImageDraw, ImageFont

from distill.data import rle as run_length
from distill.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distill.data.images import Image
    from distill.data.rle import Rle
    from distill.evaluate.matching import Mistake
    from distill.evaluate.metrics import ImageResult

    Colour = tuple[int, int, int]

TILE_PX = (520, 390)
"""Width, height."""
TRUTH: Colour = (46, 204, 113)
COLOURS: dict[str, Colour] = {
    "missed": (255, 214, 10),
    "background": (255, 69, 58),
    "location": (255, 149, 0),
    "class": (214, 93, 255),
    "duplicate": (100, 190, 255),
}
_MAX_LABELS = 14
"""Labels in one tile; more would hide what they speak of. Chosen, not measured."""
_SURROUNDINGS = 0.6
"""How much of their own size is left around the mistakes, on each side. Chosen, not measured."""
_MIN_SHARE = 0.35
"""Share of the image's sides that a tile shows at least: without surroundings nobody can judge.
Chosen, not measured."""


@dataclass(frozen=True)
class _View:
    """The part of an image that a tile shows, and how much it is enlarged."""

    x: float
    y: float
    scale: float
    left: int
    top: int

    def to_tile(self, x: float, y: float) -> tuple[float, float]:
        """Where an image's pixel is in the tile."""
        return self.left + (x - self.x) * self.scale, self.top + (y - self.y) * self.scale


def draw_tile(result: ImageResult, classes: Sequence[str]) -> Image:
    """The part of an image around its mistakes, RGB uint8 in the size of `TILE_PX`.

    Black where the image can't be read any more.
    """
    canvas = np.full((TILE_PX[1], TILE_PX[0], 3), 30, np.uint8)
    try:
        image = result.record.read()
    except InputError:  # it was there a minute ago
        return canvas
    tile, view = _cut(image, result.mistakes, canvas)
    labels = []
    # Small things last, so that they stay visible.
    for mistake in sorted(result.mistakes, key=lambda m: -_extent(m)):
        colour = COLOURS[mistake.fault]
        if mistake.truth is not None:
            shown = colour if mistake.prediction is None else TRUTH
            _outline(tile, view, mistake.truth.rle, shown)
        if mistake.prediction is not None:
            if mistake.prediction.rle is not None:
                _outline(tile, view, mistake.prediction.rle, colour)
            else:
                _rectangle(tile, view, mistake.prediction.box, colour)
        labels.append((mistake, _words(mistake, classes), colour))
    return _labelled(tile, view, labels)


def _cut(image: Image, mistakes: Sequence[Mistake], canvas: Image) -> tuple[Image, _View]:
    """The surroundings of the mistakes, as large as a tile, a little darkened."""
    height, width = image.shape[:2]
    boxes = np.array([_box(mistake) for mistake in mistakes])
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    middle = (low + high) / 2
    whole = np.array([width, height], float)
    size = np.clip((high - low) * (1 + 2 * _SURROUNDINGS), _MIN_SHARE * whole, whole)
    # As wide as the tile, as far as the image goes.
    aspect = TILE_PX[0] / TILE_PX[1]
    size = np.minimum(np.maximum(size, size[::-1] * [aspect, 1 / aspect]), whole)
    start = np.clip(middle - size / 2, 0, whole - size)
    x0, y0 = np.floor(start).astype(int)
    x1, y1 = np.minimum(np.ceil(start + size), whole).astype(int)
    scale = min(TILE_PX[0] / (x1 - x0), TILE_PX[1] / (y1 - y0))
    shape = (max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale)))
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    part = cv2.resize(image[y0:y1, x0:x1], shape, interpolation=smooth)
    left, top = (TILE_PX[0] - shape[0]) // 2, (TILE_PX[1] - shape[1]) // 2
    canvas[top : top + shape[1], left : left + shape[0]] = (part * 0.82).astype(np.uint8)
    return canvas, _View(float(x0), float(y0), scale, left, top)


def _outline(tile: Image, view: _View, rle: Rle, colour: Colour) -> None:
    """The edge of a mask, with a dark rim so that it shows on any ground."""
    contours, _ = cv2.findContours(run_length.decode(rle), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    paths = [
        np.round([view.to_tile(float(x) + 0.5, float(y) + 0.5) for x, y in contour[:, 0]]).astype(
            np.int32
        )
        for contour in contours
    ]
    filled = tile.copy()
    cv2.fillPoly(filled, paths, colour)
    cv2.addWeighted(filled, 0.18, tile, 0.82, 0, dst=tile)
    cv2.polylines(tile, paths, isClosed=True, color=(10, 10, 10), thickness=4, lineType=cv2.LINE_AA)
    cv2.polylines(tile, paths, isClosed=True, color=colour, thickness=2, lineType=cv2.LINE_AA)


def _rectangle(tile: Image, view: _View, box: Sequence[float], colour: Colour) -> None:
    first, second = view.to_tile(box[0], box[1]), view.to_tile(box[2], box[3])
    ends = (round(first[0]), round(first[1])), (round(second[0]), round(second[1]))
    cv2.rectangle(tile, *ends, (10, 10, 10), 4, cv2.LINE_AA)
    cv2.rectangle(tile, *ends, colour, 2, cv2.LINE_AA)


def _labelled(tile: Image, view: _View, labels: Sequence[tuple[Mistake, str, Colour]]) -> Image:
    """Words beside each mistake; one that would cover another's is moved down, or left out."""
    image = PilImage.fromarray(tile)
    draw = ImageDraw.Draw(image)
    taken: list[tuple[float, float, float, float]] = []
    # What was missed says its colour, too; a wrong prediction needs its words more.
    heaviest = sorted(
        labels,
        key=lambda label: (label[0].prediction is None, -label[0].weight, -_extent(label[0])),
    )
    for mistake, words, colour in heaviest[:_MAX_LABELS]:
        box = _box(mistake)
        x, y = view.to_tile(box[0], box[1])
        wide = draw.textlength(words, font(13)) + 10
        x = min(max(0.0, x), TILE_PX[0] - wide)
        for down in (-20, 2, 24, 46, 68):
            top = min(max(0.0, y + down), TILE_PX[1] - 19)
            rect = (x, top, x + wide, top + 18)
            if not any(_overlap(rect, other) for other in taken):
                taken.append(rect)
                draw.rounded_rectangle(rect, 4, fill=colour)
                draw.text((x + 5, top + 1), words, (20, 20, 20), font(13))
                break
    return np.asarray(image)


def _overlap(a: Sequence[float], b: Sequence[float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _words(mistake: Mistake, classes: Sequence[str]) -> str:
    if mistake.prediction is None:
        return classes[mistake.truth.class_id] if mistake.truth else ""
    said = f"{classes[mistake.prediction.class_id]} {mistake.prediction.score:.2f}"
    if mistake.fault == "class" and mistake.truth is not None:
        return f"{said} is {classes[mistake.truth.class_id]}"
    if mistake.fault == "location":
        return f"{said}, IoU {mistake.iou:.2f}"
    return f"{said} twice" if mistake.fault == "duplicate" else said


def _box(mistake: Mistake) -> tuple[float, float, float, float]:
    boxes = [thing.box for thing in (mistake.prediction, mistake.truth) if thing is not None]
    return (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )


def _extent(mistake: Mistake) -> float:
    x0, y0, x1, y1 = _box(mistake)
    return (x1 - x0) * (y1 - y0)


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font of labels and captions."""
    return ImageFont.load_default(size)
