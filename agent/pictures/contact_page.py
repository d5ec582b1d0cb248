"""Draws a contact sheet's page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.pictures.palette import ALARM, RGB, class_colours
from agent.pictures.tile import SHIFT, WIDTH_PX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from agent.pictures.tile import Tile, TileOutline
    from agent.run_report import RunReport

    Image = npt.NDArray[np.uint8]

COLUMNS = 4

_GAP_PX, _MARGIN_PX, _CAPTION_PX, _HEADER_PX = 16, 28, 30, 92
_MIN_COLUMN_PX = 250
"""What a caption needs."""

_CROWD = 8
"""With more objects than this in a tile, names would hide it."""

_SMALL, _CHIP_PX = 0.42, 16
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_PAPER: RGB = (246, 247, 249)
_INK: RGB = (36, 41, 47)
_FAINT: RGB = (110, 119, 129)
_WHITE: RGB = (255, 255, 255)


def contact_page(tiles: Sequence[Tile], report: RunReport) -> Image:
    """The page, uint8 [h, w, 3] RGB: a heading, then the tiles in rows."""
    tall, wide = tiles[0].rgb.shape[:2] if tiles else (270, WIDTH_PX)
    column_px, row_px = max(wide, _MIN_COLUMN_PX), tall + _CAPTION_PX
    rows = max(1, -(-len(tiles) // COLUMNS))
    columns = min(COLUMNS, max(len(tiles), 3))
    width = 2 * _MARGIN_PX + columns * column_px + (columns - 1) * _GAP_PX
    height = _HEADER_PX + rows * row_px + (rows - 1) * _GAP_PX + _MARGIN_PX
    page: Image = np.full((height, width, 3), _PAPER, np.uint8)
    colours = class_colours(track.label for track in report.tracks)
    _draw_header(page, len(tiles), report, colours)
    for i, tile in enumerate(tiles):
        row, column = divmod(i, COLUMNS)
        left = _MARGIN_PX + column * (column_px + _GAP_PX) + (column_px - wide) // 2
        top = _HEADER_PX + row * (row_px + _GAP_PX)
        page[top : top + tall, left : left + wide] = _annotated(tile, colours)
        verb = "hidden" if report.redacted else "seen"
        _draw_caption(page, (left, top + tall), wide, tile, verb)
    return page


def _draw_header(page: Image, shown: int, report: RunReport, colours: Mapping[str, RGB]) -> None:
    name_px = _write(page, Path(report.input.path).name, (_MARGIN_PX, 40), _INK, 0.85, 2)
    if not report.redacted:
        _write(page, "NOT REDACTED: boxes only", (_MARGIN_PX + name_px + 28, 40), ALARM, 0.85, 2)
    frames = report.frames.written
    parts = [
        f"{shown} of {frames} frames" if frames else "no frame was written",
        "effect none"
        if not report.redacted
        else f"effect {report.settings.effect}, {report.settings.shape} shaped",
        f"{report.keyframes} detections",
    ]
    if not report.complete:
        parts.append("stopped early")
    at = _MARGIN_PX
    for part in parts:
        at += _write(page, part, (at, 70), _FAINT, 0.5) + 28
    whole = sum(report.whole_frame_covers.values())
    at += _write(
        page,
        f"{whole} frames covered whole" if whole else "no frame covered whole",
        (at, 70),
        ALARM if whole else _FAINT,
        0.5,
    ) + 28  # fmt: skip
    labels = [track.label for track in report.tracks]
    for label, colour in colours.items():
        cv2.rectangle(page, (at, 59), (at + 11, 70), colour, -1, cv2.LINE_AA)
        text = f"{label}: {labels.count(label)}"
        at += 18 + _write(page, text, (at + 18, 70), _INK, 0.5) + 22


def _annotated(tile: Tile, colours: Mapping[str, RGB]) -> Image:
    rgb = tile.rgb.copy()
    tall, wide = rgb.shape[:2]
    crowded = len(tile.outlines) > _CROWD
    for outline in tile.outlines:
        colour = colours.get(outline.label, _WHITE)
        for ink, px in ((_INK, 3), (colour, 2)) if not crowded else ((colour, 1),):
            cv2.polylines(rgb, outline.rings, True, ink, px, cv2.LINE_AA, SHIFT)
    for outline in tile.outlines:
        words = str(outline.track) if crowded else f"{outline.label} {outline.track}".strip()
        _draw_name(rgb, outline, words, colours.get(outline.label, _WHITE))
    if tile.whole is not None:
        cv2.rectangle(rgb, (0, 0), (wide - 1, tall - 1), ALARM, 6)
    return rgb


def _draw_name(rgb: Image, outline: TileOutline, words: str, colour: RGB) -> None:
    """On a chip at the outline's upper left."""
    if not outline.rings:
        return
    corners = np.vstack(outline.rings)[:, 0].min(axis=0) >> SHIFT
    left, top = corners.tolist()
    height, width = rgb.shape[:2]
    chip_px = _width(words, _SMALL) + 8
    x = max(0, min(left, width - chip_px))
    y = max(0, min(top - _CHIP_PX, height - _CHIP_PX))
    cv2.rectangle(rgb, (x, y), (x + chip_px - 1, y + _CHIP_PX - 1), colour, -1)
    _write(rgb, words, (x + 4, y + _CHIP_PX - 4), _WHITE, _SMALL)


def _draw_caption(page: Image, corner: tuple[int, int], wide: int, tile: Tile, verb: str) -> None:
    left, top = corner
    minutes, seconds = divmod(tile.time_s, 60)
    _write(page, f"{int(minutes)}:{seconds:04.1f}", (left, top + 20), _INK, 0.5)
    count = len(tile.outlines)
    text, colour = (f"{count} {verb}" if count else "nothing seen"), _FAINT
    if tile.whole is not None:
        text, colour = f"covered whole: {tile.whole}", ALARM
    _write(page, text, (left + max(60, wide - _width(text, 0.5)), top + 20), colour, 0.5)


def _write(
    image: Image, text: str, at: tuple[int, int], colour: RGB, scale: float, weight: int = 1
) -> int:
    """Write with the left end of the base line at `at`; how many pixels it took."""
    cv2.putText(image, text, at, _FONT, scale, colour, weight, cv2.LINE_AA)
    return _width(text, scale, weight)


def _width(text: str, scale: float, weight: int = 1) -> int:
    return int(cv2.getTextSize(text, _FONT, scale, weight)[0][0])
