"""Tile: one small frame of a contact sheet, with the outlines of what is hidden in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from agent.pictures.scaled_rgb import scaled_rgb
from agent.redact.patch import patches_of

if TYPE_CHECKING:
    from agent.frames.annotated import AnnotatedFrame
    from agent.frames.cover import Cover, PlacedOutline
    from agent.frames.redacted import RedactedFrame
    from agent.redact.patch import Patch

    Image = npt.NDArray[np.uint8]

WIDTH_PX = 480
_MAX_HEIGHT_PX, _MIN_PX = 640, 32

SHIFT = 4
"""Outlines are drawn in sixteenths of a pixel."""


@dataclass(frozen=True, slots=True)
class TileOutline:
    """What is hidden because of one object.

    Attributes:
        rings: int32 [N, 1, 2] each, sixteenths of a tile's pixel.
    """

    rings: tuple[npt.NDArray[np.int32], ...]
    track: int
    label: str


@dataclass(frozen=True, slots=True)
class Tile:
    """A small frame.

    Attributes:
        number: frames that passed before it.
        time_s: since the first frame.
        rgb: uint8 [h, w, 3].
        whole: why it was covered whole, or None.
    """

    number: int
    time_s: float
    rgb: Image
    outlines: tuple[TileOutline, ...]
    whole: str | None


def tile_of(
    number: int,
    time_s: float,
    frame: RedactedFrame | AnnotatedFrame,
    cover: Cover,
    pixel_aspect: float,
) -> Tile:
    """Scale a frame down and note its cover.

    Args:
        number: frames that passed before it.
        time_s: since the first frame.
        pixel_aspect: width of a pixel over its height.
    """
    width, height = _size(frame.size, pixel_aspect)
    rgb = scaled_rgb(frame.planes, frame.colour, (width, height))
    scale = width / frame.size[0], height / frame.size[1]
    found = [] if frame.whole else patches_of(cover, frame.size)
    outlines = tuple(_outline(outline, patch, scale) for outline, patch in found)
    return Tile(number, time_s, rgb, outlines, frame.whole)


def _size(frame_size: tuple[int, int], pixel_aspect: float) -> tuple[int, int]:
    width, height = frame_size[0] * pixel_aspect, frame_size[1]
    scale = min(WIDTH_PX / width, _MAX_HEIGHT_PX / height)
    return max(_MIN_PX, round(width * scale)), max(_MIN_PX, round(height * scale))


def _outline(placed: PlacedOutline, patch: Patch, scale: tuple[float, float]) -> TileOutline:
    """Holes are outlined too: they show what is not hidden."""
    found, _ = cv2.findContours(patch.pixels, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    corner = np.array([patch.x + 0.5, patch.y + 0.5])
    rings = tuple(
        (((ring + corner) * scale - 0.5) * (1 << SHIFT)).round().astype(np.int32) for ring in found
    )
    return TileOutline(rings, placed.track, placed.label)
