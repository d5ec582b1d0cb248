"""Sheet: 200 labelled frames of a clip on one page, for a person to judge at a glance."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image as PilImage
from PIL import ImageDraw, ImageFont

from distill.data import rle as run_length
from distill.errors import InputError, OutputError
from distill.files import writing
from distill.label.bands import ACCEPT, BANDS, IGNORE, REVIEW
from distill.label.entries import STILLS
from distill.progress import progress
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from distill.data.images import Image
    from distill.data.record import Annotation, ImageRecord
    from distill.label.annotations import LabelledClip
    from distill.label.settings import Settings

    Colour = tuple[int, int, int]

PER_PAGE = 200

_WIDE, _TILE_AREA, _GAP, _MARGIN, _HEADER, _CAPTION = 3000, 236 * 133, 10, 20, 92, 19
_RIM = 3
"""Of the frame around a thumbnail with something to review, pixels."""
_PAPER: Colour = (24, 27, 31)
_INK: Colour = (236, 239, 243)
_FAINT: Colour = (148, 156, 166)
_CUT: Colour = (120, 180, 255)
_COLOURS: dict[str, Colour] = {
    ACCEPT: (64, 220, 110),
    REVIEW: (255, 178, 20),
    IGNORE: (196, 202, 210),
}
_DARK: Colour = (12, 14, 16)
_SHIFT = 4
"""Outlines are drawn in sixteenths of a pixel."""
_MAX_STEM = 20
"""Letters of a still image's name."""
_MAX_LABELS, _MIN_LABELLED, _MAX_NAME = 8, 10, 8
"""More labels than this would hide the picture; what is smaller than this, in pixels, has none;
a class's name has so many letters, where there are several classes. Chosen, not measured."""


def write_sheets(folder: Path, clips: Sequence[LabelledClip], settings: Settings) -> None:
    """Draw the sheets that are not there yet; what is in a finished clip never changes.

    Still images may become more, at the end of their last page.

    Raises:
        OutputError: one can't be written.
    """
    pages = [
        (clip, number, folder / "sheets" / f"{clip.entry.name}-{number + 1:03d}.png")
        for clip in clips
        for number in range(-(-len(clip.images) // PER_PAGE))
    ]
    missing = [
        (clip, number, path)
        for clip, number, path in pages
        if not path.exists()
        or (clip.entry.name == STILLS and number == (len(clip.images) - 1) // PER_PAGE)
    ]
    for clip, number, path in progress(missing, "sheets", unit="page"):
        data = draw_page(clip, number, settings)
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as file:
                file.write(data)


def draw_page(clip: LabelledClip, number: int, settings: Settings) -> bytes:
    """One page of a clip as a PNG; pages are counted from 0."""
    first = number * PER_PAGE
    images = clip.images[first : first + PER_PAGE]
    width, height = _tile_size(images[0])
    columns = (_WIDE - 2 * _MARGIN + _GAP) // (width + _GAP)
    rows = -(-len(images) // columns)
    page = PilImage.new(
        "RGB", (_WIDE, _HEADER + rows * (height + _CAPTION + _GAP) + _MARGIN - _GAP), _PAPER
    )
    draw = ImageDraw.Draw(page)
    _draw_header(draw, clip, number, settings)
    for i, image in enumerate(images):
        row, column = divmod(i, columns)
        left = _MARGIN + column * (width + _GAP)
        top = _HEADER + row * (height + _CAPTION + _GAP)
        page.paste(
            PilImage.fromarray(_thumbnail(image, (width, height), settings.classes)), (left, top)
        )
        if any(one.band == REVIEW for one in image.annotations):
            frame = (left - _RIM, top - _RIM, left + width + _RIM - 1, top + height + _CAPTION)
            draw.rectangle(frame, outline=_COLOURS[REVIEW], width=_RIM)
        at = first + i
        cut = at > 0 and clip.segments[at] != clip.segments[at - 1]
        _draw_caption(draw, image, clip.times_s[at], (left, top + height), width, cut=cut)
    return _png(page)


def _tile_size(image: ImageRecord) -> tuple[int, int]:
    """Width and height of a thumbnail: about the same area for every shape of picture."""
    aspect = min(max(image.width / image.height, 0.4), 4.0)
    width = round(math.sqrt(_TILE_AREA * aspect))
    return width, round(width / aspect)


def _thumbnail(image: ImageRecord, size: tuple[int, int], classes: Sequence[str]) -> Image:
    """A small copy with outlines, scores and track numbers; black where there is no picture."""
    tile = np.zeros((size[1], size[0], 3), np.uint8)
    scale = min(size[0] / image.width, size[1] / image.height)
    width, height = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    try:
        whole = image.read()
    except InputError:  # it was there a minute ago
        return tile
    small = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    tile[:height, :width] = small[: size[1], : size[0]]
    # What is believed comes last and stays visible.
    ordered = sorted(image.annotations, key=lambda one: -BANDS.index(one.band or IGNORE))
    for one in ordered:
        _outline(tile, one, scale)
    worth = [one for one in ordered if one.band != IGNORE]
    return _labelled(tile, worth, scale, classes) if len(worth) <= _MAX_LABELS else tile


def _outline(tile: Image, annotation: Annotation, scale: float) -> None:
    mask = run_length.decode(annotation.rle)
    found, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    rings = [
        (((ring + 0.5) * scale - 0.5) * (1 << _SHIFT)).round().astype(np.int32) for ring in found
    ]
    band = annotation.band or IGNORE
    thick = 1 if band == IGNORE else 2
    cv2.polylines(tile, rings, True, _DARK, thick + 2, cv2.LINE_AA, _SHIFT)
    cv2.polylines(tile, rings, True, _COLOURS[band], thick, cv2.LINE_AA, _SHIFT)


def _labelled(
    tile: Image, annotations: Sequence[Annotation], scale: float, classes: Sequence[str]
) -> Image:
    """Track and score at each outline, beside one another, left out where there is no room."""
    drawn = PilImage.fromarray(tile)
    draw = ImageDraw.Draw(drawn)
    font = _font(12)
    taken: list[tuple[float, float, float, float]] = []
    for one in reversed(annotations):
        x0, y0, x1, y1 = (value * scale for value in one.box)
        if max(x1 - x0, y1 - y0) < _MIN_LABELLED:
            continue
        score = "gap" if one.score is None else f"{100 * one.score:.0f}"
        name = f" {classes[one.class_id][:_MAX_NAME]}" if len(classes) > 1 else ""
        words = f"#{one.track_id}{name} {score}"
        wide, high = draw.textlength(words, font) + 4, 14
        for y in (y0 - high, y1, y0):
            left = min(max(0.0, x0), tile.shape[1] - wide)
            top = min(max(0.0, y), tile.shape[0] - high)
            rect = (left, top, left + wide, top + high)
            if not any(_overlap(rect, other) for other in taken):
                taken.append(rect)
                draw.rectangle(rect, fill=_DARK)
                draw.text((left + 2, top), words, _COLOURS[one.band or IGNORE], font)
                break
    return np.asarray(drawn)


def _overlap(a: Sequence[float], b: Sequence[float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _draw_caption(
    draw: ImageDraw.ImageDraw,
    image: ImageRecord,
    time_s: float,
    corner: tuple[int, int],
    wide: int,
    *,
    cut: bool,
) -> None:
    """Number and time to the left, how many of each band to the right."""
    font = _font(13)
    left, top = corner
    minutes, seconds = divmod(time_s, 60)
    text = f"{image.frame}  {int(minutes)}:{seconds:04.1f}"
    if image.frame is None:
        text = image.path.stem[:_MAX_STEM]
    draw.text((left, top + 1), text, _FAINT, font)
    if cut:
        draw.text((left + draw.textlength(text, font) + 8, top + 1), "cut", _CUT, font)
    counts = Counter(one.band for one in image.annotations)
    right = left + wide
    for band in reversed(BANDS):
        if counts[band]:
            words = str(counts[band])
            right -= round(draw.textlength(words, font)) + 8
            draw.text((right + 6, top + 1), words, _COLOURS[band], font)
    if not counts:
        words = "nothing"
        draw.text((right - draw.textlength(words, font), top + 1), words, _FAINT, font)


def _draw_header(
    draw: ImageDraw.ImageDraw, clip: LabelledClip, number: int, settings: Settings
) -> None:
    pages = -(-len(clip.images) // PER_PAGE)
    first = number * PER_PAGE + 1
    last = min(len(clip.images), first + PER_PAGE - 1)
    draw.text((_MARGIN, 12), clip.entry.file[:80], _INK, _font(30))
    title = draw.textlength(clip.entry.file[:80], _font(30))
    where = f"labelled images {first} to {last} of {len(clip.images)}"
    where += f", from {clip.entry.seen} in the clip" if clip.entry.name != STILLS else ""
    where += f"   page {number + 1} of {pages}" if pages > 1 else ""
    draw.text((_MARGIN + title + 28, 22), where, _FAINT, _font(20))
    x = float(_MARGIN)
    counts = Counter(one.band for image in clip.images for one in image.annotations)
    meanings = {
        ACCEPT: f"score {settings.accept:g} and more",
        REVIEW: "doubtful: look here",
        IGNORE: "neither positive nor negative",
    }
    for band, meaning in meanings.items():
        draw.rounded_rectangle((x, 58, x + 22, 74), 4, fill=_COLOURS[band])
        words = f"{counts[band]} {band}  ({meaning})"
        draw.text((x + 30, 55), words, _INK, _font(18))
        x += 30 + draw.textlength(words, _font(18)) + 36
    words = f"{', '.join(settings.classes)}  by  {settings.teacher} {settings.teacher_sha256[:8]}"
    words += "   labels: #track score in %"
    draw.text((x, 55), words, _FAINT, _font(18))


def _png(page: PilImage.Image) -> bytes:
    encoded, data = cv2.imencode(".png", np.asarray(page)[..., ::-1])
    if not encoded:
        raise OutputError("a contact sheet can't be encoded")
    return data.tobytes()


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
