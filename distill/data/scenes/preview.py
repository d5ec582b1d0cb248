"""Preview: a page of pictures with the outlines of their masks, for a person to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from distill.data.scenes.domain import CLASSES

if TYPE_CHECKING:
    from collections.abc import Sequence

Image = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

COLUMNS, ROWS = 6, 4

_COLOURS: tuple[Colour, ...] = (
    (31, 144, 228),
    (245, 158, 11),
    (16, 172, 120),
    (157, 102, 234),
    (220, 70, 140),
)
_WIDE_PX, _GAP_PX, _MARGIN_PX, _HEADER_PX = 320, 12, 24, 76
_PAPER: Colour = (246, 247, 249)
_INK: Colour = (36, 41, 47)
_FAINT: Colour = (110, 119, 129)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SHIFT = 4
"""Outlines are drawn in sixteenths of a pixel."""


def thumbnail(image: Image, objects: Sequence[tuple[int, Image]]) -> Image:
    """A small copy of `image` with an outline around each (class id, mask)."""
    tall, wide = image.shape[:2]
    scale = _WIDE_PX / wide
    size = _WIDE_PX, max(1, round(tall * scale))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    for class_id, mask in objects:
        found, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        rings = [
            (((ring + 0.5) * scale - 0.5) * (1 << _SHIFT)).round().astype(np.int32)
            for ring in found
        ]
        colour = _COLOURS[class_id % len(_COLOURS)]
        cv2.polylines(small, rings, True, colour, 1, cv2.LINE_AA, _SHIFT)
    return small


def draw_preview(title: str, counts: dict[int, int], thumbnails: Sequence[Image]) -> bytes:
    """A PNG of up to 24 thumbnails; `counts` says how many objects of each class there are."""
    tall = max(small.shape[0] for small in thumbnails)
    columns = min(COLUMNS, max(3, len(thumbnails)))
    rows = -(-len(thumbnails) // columns)
    width = 2 * _MARGIN_PX + columns * (_WIDE_PX + _GAP_PX) - _GAP_PX
    height = _HEADER_PX + rows * (tall + _GAP_PX) - _GAP_PX + _MARGIN_PX
    page = np.full((height, width, 3), _PAPER, np.uint8)
    cv2.putText(page, title, (_MARGIN_PX, 34), _FONT, 0.7, _INK, 2, cv2.LINE_AA)
    x = _MARGIN_PX
    for class_id, count in counts.items():
        cv2.rectangle(page, (x, 48), (x + 12, 60), _COLOURS[class_id % len(_COLOURS)], -1)
        text = f"{CLASSES[class_id]}: {count}"
        cv2.putText(page, text, (x + 19, 59), _FONT, 0.48, _FAINT, 1, cv2.LINE_AA)
        x += 45 + cv2.getTextSize(text, _FONT, 0.48, 1)[0][0]
    for number, small in enumerate(thumbnails):
        row, column = divmod(number, columns)
        top = _HEADER_PX + row * (tall + _GAP_PX)
        left = _MARGIN_PX + column * (_WIDE_PX + _GAP_PX)
        page[top : top + small.shape[0], left : left + _WIDE_PX] = small
    _, data = cv2.imencode(".png", page[..., ::-1])
    return data.tobytes()
