"""Worst images: a page of those with the most mistakes, for a person to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image as PilImage
from PIL import ImageDraw

from distill.evaluate.mistake_tile import COLOURS, TILE_PX, TRUTH, draw_tile, font
from distill.files import writing
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from distill.evaluate.matching import Mistake
    from distill.evaluate.metrics import Evaluation, ImageResult

MAX_IMAGES = 12
_COLUMNS = 3
_GAP_PX, _CAPTION_PX, _HEADER_PX = 16, 46, 84
_PAPER, _INK, _SOFT = (248, 249, 250), (29, 39, 51), (105, 117, 130)
_LEGEND = (
    ("missed", "missed", "missed"),
    ("background", "nothing there", "where nothing is"),
    ("location", "mask is off", "with a bad mask"),
    ("class", "another class", "of another class"),
    ("duplicate", "seen twice", "seen twice"),
)
"""Fault, its word in the legend, and behind a number."""


def draw_worst(path: Path, name: str, evaluation: Evaluation) -> None:
    """Write the page; nothing wrong gives a page that says so.

    Raises:
        OutputError: the file can't be written.
    """
    worst = evaluation.results[:MAX_IMAGES]
    page = _page(name, evaluation, worst)
    with writing(path), whole_file(path) as file:
        page.save(file, format="PNG")


def _page(name: str, evaluation: Evaluation, worst: Sequence[ImageResult]) -> PilImage.Image:
    columns = min(_COLUMNS, max(2, len(worst)))
    rows = -(-len(worst) // columns)
    width = columns * (TILE_PX[0] + _GAP_PX) + _GAP_PX
    height = _HEADER_PX + max(1, rows) * (TILE_PX[1] + _CAPTION_PX + _GAP_PX)
    page = PilImage.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(page)
    title = f"{len(worst)} worst of {evaluation.images} images"
    if not worst:
        title = f"nothing wrong in {evaluation.images} images"
    draw.text((_GAP_PX, 12), title, _INK, font(22))
    what = f"{name}, at confidence {evaluation.working.confidence:g}"
    draw.text((_GAP_PX + draw.textlength(title, font(22)) + 16, 19), what, _SOFT, font(15))
    _legend(draw)
    for number, result in enumerate(worst):
        x = _GAP_PX + number % columns * (TILE_PX[0] + _GAP_PX)
        y = _HEADER_PX + number // columns * (TILE_PX[1] + _CAPTION_PX + _GAP_PX)
        page.paste(PilImage.fromarray(draw_tile(result, evaluation.classes)), (x, y))
        draw.text((x, y + TILE_PX[1] + 5), _shortened(result.record.path), _INK, font(14))
        draw.text((x, y + TILE_PX[1] + 24), _summary(result.mistakes), _SOFT, font(13))
    return page


def _legend(draw: ImageDraw.ImageDraw) -> None:
    x = float(_GAP_PX)
    entries = [(COLOURS[fault], word) for fault, word, _ in _LEGEND]
    for colour, word in [*entries, (TRUTH, "what is there")]:
        draw.rounded_rectangle((x, 51, x + 22, 67), 4, fill=(58, 66, 76))
        draw.line((x + 4, 59, x + 18, 59), fill=colour, width=4)
        draw.text((x + 29, 50), word, _INK, font(14))
        x += 29 + draw.textlength(word, font(14)) + 22


def _summary(mistakes: Sequence[Mistake]) -> str:
    parts = []
    for fault, _, word in _LEGEND:
        count = sum(mistake.fault == fault for mistake in mistakes)
        if count:
            parts.append(f"{count} {word}")
    return ", ".join(parts)


def _shortened(path: Path, most: int = 64) -> str:
    """The end of a path, which tells images of one clip apart."""
    text = "/".join(path.parts[-2:])
    return text if len(text) <= most else f"...{text[-most:]}"
