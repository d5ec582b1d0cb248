"""ContactSheet: a dozen redacted frames on one page, with outlines and track numbers.

It takes `RedactedFrame` and nothing else unless it was told so when made, so a page can't show
what the video does not. Which
frames are shown is decided while they pass and their number is unknown: every frame is kept
until there are too many, then every second of them is dropped, and only every second kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from agent.errors import OutputError
from agent.frames.annotated import AnnotatedFrame
from agent.frames.redacted import RedactedFrame
from agent.pictures.palette import ALARM, RGB, class_colours
from agent.redact.patch import patch_of
from models.preprocess import rgb_from_yuv

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from agent.frames.cover import Cover, PlacedOutline
    from agent.run_report import RunReport

    Image = npt.NDArray[np.uint8]

COLUMNS, ROWS = 4, 3
MAX_KEPT = 24

_WIDTH_PX, _MAX_HEIGHT_PX, _MIN_PX = 480, 640, 32
_GAP_PX, _MARGIN_PX, _CAPTION_PX, _HEADER_PX = 16, 28, 30, 92
_MIN_COLUMN_PX = 250
"""What a caption needs."""

_CROWD = 8
"""With more objects than this in a thumbnail, names would hide it."""

_SMALL, _CHIP_PX = 0.42, 16
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_PAPER: RGB = (246, 247, 249)
_INK: RGB = (36, 41, 47)
_FAINT: RGB = (110, 119, 129)
_WHITE: RGB = (255, 255, 255)
_SHIFT = 4
"""Outlines are drawn in sixteenths of a pixel."""


@dataclass(frozen=True, slots=True)
class _Outline:
    """An outline in a thumbnail.

    Attributes:
        rings: int32 [N, 1, 2] each, sixteenths of a thumbnail's pixel.
    """

    rings: tuple[npt.NDArray[np.int32], ...]
    track: int
    label: str


@dataclass(frozen=True, slots=True)
class _Thumbnail:
    """A small redacted frame.

    Attributes:
        number: frames that passed before it.
        time_s: since the first frame.
        rgb: uint8 [h, w, 3].
    """

    number: int
    time_s: float
    rgb: Image
    outlines: tuple[_Outline, ...]
    whole: str | None


class ContactSheet:
    """Collects thumbnails while frames pass, and draws them when all have.

    Args:
        pixel_aspect: width of a pixel over its height.
        annotated: show the annotated frames of a video that is not redacted, and no others.
    """

    def __init__(self, pixel_aspect: Fraction, *, annotated: bool = False) -> None:
        self._takes = AnnotatedFrame if annotated else RedactedFrame
        self._pixel_aspect = float(pixel_aspect)
        self._stride = 1
        self._passed = 0
        self._began_s: float | None = None
        self._kept: list[_Thumbnail] = []

    def add(self, frame: RedactedFrame | AnnotatedFrame, cover: Cover) -> None:
        """Look at the next frame; most are let go for nothing.

        Raises:
            TypeError: a frame to keep is not of the type that the page was made for.
        """
        number = self._passed
        self._passed += 1
        if number % self._stride:
            return
        if len(self._kept) == MAX_KEPT:
            del self._kept[1::2]
            self._stride *= 2
            if number % self._stride:
                return
        if not isinstance(frame, self._takes):
            raise TypeError(f"this page takes {self._takes.__name__}, not {type(frame).__name__}")
        self._kept.append(self._thumbnail(number, frame, cover))

    def draw(self, report: RunReport) -> bytes:
        """A PNG of the page.

        Raises:
            OutputError: it can't be encoded.
        """
        count = min(len(self._kept), COLUMNS * ROWS)
        places = np.linspace(0, len(self._kept) - 1, count).round().astype(int).tolist()
        page = _page([self._kept[place] for place in places], report)
        encoded, data = cv2.imencode(".png", page[..., ::-1])
        if not encoded:
            raise OutputError("the contact sheet can't be encoded")
        return data.tobytes()

    def _thumbnail(
        self, number: int, frame: RedactedFrame | AnnotatedFrame, cover: Cover
    ) -> _Thumbnail:
        time_s = float(frame.pts * frame.time_base)
        if self._began_s is None:
            self._began_s = time_s
        width, height = self._size(frame.size)
        colour = frame.colour
        # Twice as large first, then averaged: a single bilinear step would alias.
        double = rgb_from_yuv(
            frame.planes, (width * 2, height * 2), colour.matrix, full_range=colour.full_range
        )
        rgb = cv2.resize(double, (width, height), interpolation=cv2.INTER_AREA)
        scale = width / frame.size[0], height / frame.size[1]
        outlines = tuple(
            _outline(outline, frame.size, scale) for outline in cover.outlines if not frame.whole
        )
        return _Thumbnail(
            number, time_s - self._began_s, np.asarray(rgb, np.uint8), outlines, frame.whole
        )

    def _size(self, frame_size: tuple[int, int]) -> tuple[int, int]:
        width, height = frame_size[0] * self._pixel_aspect, frame_size[1]
        scale = min(_WIDTH_PX / width, _MAX_HEIGHT_PX / height)
        return max(_MIN_PX, round(width * scale)), max(_MIN_PX, round(height * scale))


def _outline(placed: PlacedOutline, size: tuple[int, int], scale: tuple[float, float]) -> _Outline:
    """Holes are outlined too: they show what is not hidden."""
    patch = patch_of(placed, size)
    if patch is None:
        return _Outline((), placed.track, placed.label)
    found, _ = cv2.findContours(patch.pixels, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    corner = np.array([patch.x + 0.5, patch.y + 0.5])
    rings = tuple(
        (((ring + corner) * scale - 0.5) * (1 << _SHIFT)).round().astype(np.int32) for ring in found
    )
    return _Outline(rings, placed.track, placed.label)


def _page(thumbnails: list[_Thumbnail], report: RunReport) -> Image:
    tall, wide = thumbnails[0].rgb.shape[:2] if thumbnails else (270, _WIDTH_PX)
    column_px, row_px = max(wide, _MIN_COLUMN_PX), tall + _CAPTION_PX
    rows = max(1, -(-len(thumbnails) // COLUMNS))
    columns = min(COLUMNS, max(len(thumbnails), 3))
    width = 2 * _MARGIN_PX + columns * column_px + (columns - 1) * _GAP_PX
    height = _HEADER_PX + rows * row_px + (rows - 1) * _GAP_PX + _MARGIN_PX
    page: Image = np.full((height, width, 3), _PAPER, np.uint8)
    colours = class_colours(track.label for track in report.tracks)
    _draw_header(page, len(thumbnails), report, colours)
    for i, thumbnail in enumerate(thumbnails):
        row, column = divmod(i, COLUMNS)
        left = _MARGIN_PX + column * (column_px + _GAP_PX) + (column_px - wide) // 2
        top = _HEADER_PX + row * (row_px + _GAP_PX)
        page[top : top + tall, left : left + wide] = _annotated(thumbnail, colours)
        verb = "hidden" if report.redacted else "seen"
        _draw_caption(page, (left, top + tall), wide, thumbnail, verb)
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


def _annotated(thumbnail: _Thumbnail, colours: Mapping[str, RGB]) -> Image:
    rgb = thumbnail.rgb.copy()
    tall, wide = rgb.shape[:2]
    crowded = len(thumbnail.outlines) > _CROWD
    for outline in thumbnail.outlines:
        colour = colours.get(outline.label, _WHITE)
        for ink, px in ((_INK, 3), (colour, 2)) if not crowded else ((colour, 1),):
            cv2.polylines(rgb, outline.rings, True, ink, px, cv2.LINE_AA, _SHIFT)
    for outline in thumbnail.outlines:
        words = str(outline.track) if crowded else f"{outline.label} {outline.track}".strip()
        _draw_name(rgb, outline, words, colours.get(outline.label, _WHITE))
    if thumbnail.whole is not None:
        cv2.rectangle(rgb, (0, 0), (wide - 1, tall - 1), ALARM, 6)
    return rgb


def _draw_name(rgb: Image, outline: _Outline, words: str, colour: RGB) -> None:
    """On a chip at the outline's upper left."""
    if not outline.rings:
        return
    corners = np.vstack(outline.rings)[:, 0].min(axis=0) >> _SHIFT
    left, top = corners.tolist()
    height, width = rgb.shape[:2]
    chip_px = _width(words, _SMALL) + 8
    x = max(0, min(left, width - chip_px))
    y = max(0, min(top - _CHIP_PX, height - _CHIP_PX))
    cv2.rectangle(rgb, (x, y), (x + chip_px - 1, y + _CHIP_PX - 1), colour, -1)
    _write(rgb, words, (x + 4, y + _CHIP_PX - 4), _WHITE, _SMALL)


def _draw_caption(
    page: Image, corner: tuple[int, int], wide: int, thumbnail: _Thumbnail, verb: str
) -> None:
    left, top = corner
    minutes, seconds = divmod(thumbnail.time_s, 60)
    _write(page, f"{int(minutes)}:{seconds:04.1f}", (left, top + 20), _INK, 0.5)
    count = len(thumbnail.outlines)
    text, colour = (f"{count} {verb}" if count else "nothing seen"), _FAINT
    if thumbnail.whole is not None:
        text, colour = f"covered whole: {thumbnail.whole}", ALARM
    _write(page, text, (left + max(60, wide - _width(text, 0.5)), top + 20), colour, 0.5)


def _write(
    image: Image, text: str, at: tuple[int, int], colour: RGB, scale: float, weight: int = 1
) -> int:
    """Write with the left end of the base line at `at`; how many pixels it took."""
    cv2.putText(image, text, at, _FONT, scale, colour, weight, cv2.LINE_AA)
    return _width(text, scale, weight)


def _width(text: str, scale: float, weight: int = 1) -> int:
    return int(cv2.getTextSize(text, _FONT, scale, weight)[0][0])
