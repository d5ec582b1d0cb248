"""Covers to redact with: outlines of boxes, and patches of any pixels hidden directly."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from agent.frames.cover import PlacedOutline
from agent.redact.hide import hide_patches
from agent.redact.planes import copied_planes, layers_of
from models.outline import Outline

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.frames.cpu_frame import CpuFrame
    from agent.frames.frame import Planes
    from agent.redact.effect import Effect
    from agent.redact.patch import Patch


def box(x: float, y: float, width: float, height: float, track: int = 0, label: str = ""):
    """An object that fills a rectangle, to the pixel or one beyond."""
    outline = Outline.from_box(np.array([x, y, x + width, y + height], np.float32))
    return PlacedOutline(outline.bounds, outline.field, 0.0, track, label)


def masked(x: int, y: int, pixels: np.ndarray, track: int = 0, label: str = ""):
    """An object of these pixels, uint8 [h, w], as near as an outline comes."""
    from models.instances import Mask

    outline = Outline.from_mask(Mask(x, y, pixels))
    return PlacedOutline(outline.bounds, outline.field, 0.0, track, label)


def hide(frame: CpuFrame, patches: Iterable[Patch], effect: Effect, shape: str = "mask") -> Planes:
    """The planes with these very pixels hidden, as a redactor does once outlines are patches."""
    planes = copied_planes(frame)
    patches = [replace(patch, effect=effect) for patch in patches]
    hide_patches(layers_of(planes, frame.colour, effect.rgb), patches, shape)
    return planes
