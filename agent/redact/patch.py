"""Patch: the pixels that one placed outline hides in a frame, and by what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.redact.effect import Effect
from models.outline import render

if TYPE_CHECKING:
    import numpy as np
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


def patches_of(cover: Cover, size: tuple[int, int], effect: Effect = _SOLID) -> list[Patch]:
    """What a cover's outlines hide in a frame of `size` (width, height), and by what."""
    found = (patch_of(outline, size, effect.on(outline, size)) for outline in cover.outlines)
    return [patch for patch in found if patch is not None]


def patch_of(
    outline: PlacedOutline, size: tuple[int, int], effect: Effect = _SOLID
) -> Patch | None:
    """What an outline hides in a frame of `size` (width, height); None where it lies outside."""
    painted = render(outline.bounds, outline.field, outline.grow_px, size)
    return None if painted is None else Patch(*painted, effect)
