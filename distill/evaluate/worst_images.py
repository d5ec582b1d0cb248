"""Pictures of the worst images: what was missed, what is not there, which masks are off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image as Still
from PIL import ImageDraw, ImageFont

from distill.data import rle as run_length
from distill.errors import InputError
from distill.files import writing
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from distill.data.images import Image
    from distill.data.rle import Rle
    from distill.evaluate.matching import Mistake
    from distill.evaluate.metrics import Evaluation, ImageResult

    Colour = tuple[int, int, int]

MOST_IMAGES = 12
_COLUMNS = 3
_TILE = (520, 390)
"""Width, height of a picture in the sheet, pixels."""
_GAP, _CAPTION, _HEADER = 16, 46, 84
_PAPER, _INK, _SOFT = (248, 249, 250), (29, 39, 51), (105, 117, 130)
_TRUTH: Colour = (46, 204, 113)
_COLOURS: dict[str, Colour] = {
    "missed": (255, 214, 10),
    "false": (255, 69, 58),
    "shape": (255, 149, 0),
    "class": (214, 93, 255),
    "twice": (100, 190, 255),
}
_LEGEND = (
    ("missed", "missed", "missed"),
    ("false", "nothing there", "where nothing is"),
    ("shape", "mask is off", "with a bad mask"),
    ("class", "another class", "of another class"),
    ("twice", "seen twice", "seen twice"),
)
"""Fault, its word in the legend, and behind a number."""
_MOST_WORDS = 14
"""Words in one tile: more would hide what they speak of."""
_ROOM = 0.6
"""How much of their own size is left around the mistakes, on each side."""
_LEAST = 0.35
"""The least share of the image that a tile shows: without surroundings nobody can judge."""


def draw_worst(path: Path, name: str, evaluation: Evaluation) -> None:
    """Write the sheet; nothing wrong gives a sheet that says so.

    Raises:
        OutputError: the file can't be written.
    """
    worst = evaluation.results[:MOST_IMAGES]
    sheet = _sheet(name, evaluation, worst)
    with writing(path), whole_file(path) as file:
        sheet.save(file, format="PNG")


def _sheet(name: str, evaluation: Evaluation, worst: Sequence[ImageResult]) -> Still.Image:
    columns = min(_COLUMNS, max(2, len(worst)))
    rows = -(-len(worst) // columns)
    width = columns * (_TILE[0] + _GAP) + _GAP
    height = _HEADER + max(1, rows) * (_TILE[1] + _CAPTION + _GAP)
    sheet = Still.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    title = f"{len(worst)} worst of {evaluation.images} images"
    if not worst:
        title = f"nothing wrong in {evaluation.images} images"
    draw.text((_GAP, 12), title, _INK, _font(22))
    what = f"{name}, at confidence {evaluation.working.confidence:g}"
    draw.text((_GAP + draw.textlength(title, _font(22)) + 16, 19), what, _SOFT, _font(15))
    _legend(draw)
    for number, result in enumerate(worst):
        x = _GAP + number % columns * (_TILE[0] + _GAP)
        y = _HEADER + number // columns * (_TILE[1] + _CAPTION + _GAP)
        sheet.paste(Still.fromarray(_tile(result, evaluation.classes)), (x, y))
        draw.text((x, y + _TILE[1] + 5), _shortened(result.record.path), _INK, _font(14))
        draw.text((x, y + _TILE[1] + 24), _summary(result.mistakes), _SOFT, _font(13))
    return sheet


def _legend(draw: ImageDraw.ImageDraw) -> None:
    x = float(_GAP)
    entries = [(_COLOURS[fault], word) for fault, word, _ in _LEGEND]
    for colour, word in [*entries, (_TRUTH, "what is there")]:
        draw.rounded_rectangle((x, 51, x + 22, 67), 4, fill=(58, 66, 76))
        draw.line((x + 4, 59, x + 18, 59), fill=colour, width=4)
        draw.text((x + 29, 50), word, _INK, _font(14))
        x += 29 + draw.textlength(word, _font(14)) + 22


@dataclass(frozen=True)
class _View:
    """The part of an image that a tile shows, and how much it is enlarged."""

    x: float
    y: float
    scale: float
    left: int
    top: int

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where an image's pixel is in the tile."""
        return self.left + (x - self.x) * self.scale, self.top + (y - self.y) * self.scale


def _tile(result: ImageResult, classes: Sequence[str]) -> Image:
    canvas = np.full((_TILE[1], _TILE[0], 3), 30, np.uint8)
    try:
        image = result.record.read()
    except InputError:  # it was there a minute ago
        return canvas
    tile, view = _cut(image, result.mistakes, canvas)
    labels = []
    # Small things last, so that they stay visible.
    for mistake in sorted(result.mistakes, key=lambda m: -_extent(m)):
        colour = _COLOURS[mistake.fault]
        if mistake.truth is not None:
            shown = colour if mistake.answer is None else _TRUTH
            _outline(tile, view, mistake.truth.rle, shown)
        if mistake.answer is not None:
            if mistake.answer.rle is not None:
                _outline(tile, view, mistake.answer.rle, colour)
            else:
                _rectangle(tile, view, mistake.answer.box, colour)
        labels.append((mistake, _words(mistake, classes), colour))
    return _labelled(tile, view, labels)


def _cut(image: Image, mistakes: Sequence[Mistake], canvas: Image) -> tuple[Image, _View]:
    """The surroundings of the mistakes, as large as a tile, a little darkened."""
    height, width = image.shape[:2]
    boxes = np.array([_box(mistake) for mistake in mistakes])
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    middle = (low + high) / 2
    whole = np.array([width, height], float)
    size = np.clip((high - low) * (1 + 2 * _ROOM), _LEAST * whole, whole)
    # As wide as the tile, as far as the image goes.
    aspect = _TILE[0] / _TILE[1]
    size = np.minimum(np.maximum(size, size[::-1] * [aspect, 1 / aspect]), whole)
    start = np.clip(middle - size / 2, 0, whole - size)
    x0, y0 = np.floor(start).astype(int)
    x1, y1 = np.minimum(np.ceil(start + size), whole).astype(int)
    scale = min(_TILE[0] / (x1 - x0), _TILE[1] / (y1 - y0))
    shape = (max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale)))
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    part = cv2.resize(image[y0:y1, x0:x1], shape, interpolation=smooth)
    left, top = (_TILE[0] - shape[0]) // 2, (_TILE[1] - shape[1]) // 2
    canvas[top : top + shape[1], left : left + shape[0]] = (part * 0.82).astype(np.uint8)
    return canvas, _View(float(x0), float(y0), scale, left, top)


def _outline(tile: Image, view: _View, rle: Rle, colour: Colour) -> None:
    """The edge of a mask, with a dark rim so that it shows on any ground."""
    contours, _ = cv2.findContours(run_length.decode(rle), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    paths = [
        np.round([view.place(float(x) + 0.5, float(y) + 0.5) for x, y in contour[:, 0]]).astype(
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
    first, second = view.place(box[0], box[1]), view.place(box[2], box[3])
    ends = (round(first[0]), round(first[1])), (round(second[0]), round(second[1]))
    cv2.rectangle(tile, *ends, (10, 10, 10), 4, cv2.LINE_AA)
    cv2.rectangle(tile, *ends, colour, 2, cv2.LINE_AA)


def _labelled(tile: Image, view: _View, labels: Sequence[tuple[Mistake, str, Colour]]) -> Image:
    """Words beside each mistake; one that would cover another's is moved down, or left out."""
    still = Still.fromarray(tile)
    draw = ImageDraw.Draw(still)
    taken: list[tuple[float, float, float, float]] = []
    # What was missed says its colour, too; a wrong answer needs its words more.
    heaviest = sorted(
        labels, key=lambda label: (label[0].answer is None, -label[0].weight, -_extent(label[0]))
    )
    for mistake, words, colour in heaviest[:_MOST_WORDS]:
        box = _box(mistake)
        x, y = view.place(box[0], box[1])
        wide = draw.textlength(words, _font(13)) + 10
        x = min(max(0.0, x), _TILE[0] - wide)
        for down in (-20, 2, 24, 46, 68):
            top = min(max(0.0, y + down), _TILE[1] - 19)
            place = (x, top, x + wide, top + 18)
            if not any(_touch(place, other) for other in taken):
                taken.append(place)
                draw.rounded_rectangle(place, 4, fill=colour)
                draw.text((x + 5, top + 1), words, (20, 20, 20), _font(13))
                break
    return np.asarray(still)


def _touch(a: Sequence[float], b: Sequence[float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _words(mistake: Mistake, classes: Sequence[str]) -> str:
    if mistake.answer is None:
        return classes[mistake.truth.class_id] if mistake.truth else ""
    said = f"{classes[mistake.answer.class_id]} {mistake.answer.score:.2f}"
    if mistake.fault == "class" and mistake.truth is not None:
        return f"{said} is {classes[mistake.truth.class_id]}"
    if mistake.fault == "shape":
        return f"{said}, IoU {mistake.iou:.2f}"
    return f"{said} twice" if mistake.fault == "twice" else said


def _summary(mistakes: Sequence[Mistake]) -> str:
    parts = []
    for fault, _, word in _LEGEND:
        count = sum(mistake.fault == fault for mistake in mistakes)
        if count:
            parts.append(f"{count} {word}")
    return ", ".join(parts)


def _box(mistake: Mistake) -> tuple[float, float, float, float]:
    boxes = [thing.box for thing in (mistake.answer, mistake.truth) if thing is not None]
    return (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )


def _extent(mistake: Mistake) -> float:
    x0, y0, x1, y1 = _box(mistake)
    return (x1 - x0) * (y1 - y0)


def _shortened(path: Path, most: int = 64) -> str:
    """The end of a path, which tells images of one clip apart."""
    text = "/".join(path.parts[-2:])
    return text if len(text) <= most else f"...{text[-most:]}"


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
