"""Patch: the pixels that one placed outline hides in a frame, and by what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from agent.redact.effect import Effect
from models.outline import render

if TYPE_CHECKING:
    import numpy.typing as npt

    from agent.frames.cover import Cover, PlacedOutline


_SOLID = Effect("solid")


@dataclass(frozen=True, slots=True)
class Patch:
    """A mask at its place.

    Attributes:
        x: left edge, frame pixels.
        y: top edge, frame pixels.
        pixels: uint8 [h, w], 255 where the object must be hidden, else 0.
        effect: what hides it; not `auto`, which is for `Effect.on` to decide.
    """

    x: int
    y: int
    pixels: npt.NDArray[np.uint8]
    effect: Effect = _SOLID


def patches_of(
    cover: Cover, size: tuple[int, int], effect: Effect = _SOLID
) -> list[tuple[PlacedOutline, Patch]]:
    """What a cover's outlines hide in a frame of `size` (width, height), and by what.

    Outlines of one track are one patch beside the first of them, so that an object is hidden in
    one piece. Those that lie outside have none.
    """
    found: dict[tuple[int, Effect], tuple[PlacedOutline, Patch]] = {}
    for number, outline in enumerate(cover.outlines):
        painted = render(outline.bounds, outline.field, outline.grow_px, size)
        if painted is None:
            continue
        patch = Patch(*painted, effect.on(outline, size))
        key = outline.track or -number, patch.effect
        if key in found:
            first, before = found[key]
            found[key] = first, _joined(before, patch)
        else:
            found[key] = outline, patch
    return list(found.values())


def _joined(a: Patch, b: Patch) -> Patch:
    """All that either hides, by the effect of both."""
    x, y = min(a.x, b.x), min(a.y, b.y)
    right = max(each.x + each.pixels.shape[1] for each in (a, b))
    bottom = max(each.y + each.pixels.shape[0] for each in (a, b))
    pixels = np.zeros((bottom - y, right - x), np.uint8)
    for each in (a, b):
        height, width = each.pixels.shape
        part = pixels[each.y - y : each.y - y + height, each.x - x : each.x - x + width]
        np.maximum(part, each.pixels, out=part)
    return Patch(x, y, pixels, a.effect)
