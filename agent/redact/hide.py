"""Hides patches in a picture whose pixels are ours.

The same code hides in the planes of a frame and in the RGB pixels of an image: a picture is a
list of layers, each at the picture's own resolution or at half of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from agent.redact.replacement import cells_of, replacement
from models.outline import GRID

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agent.frames.cover import Cover, PlacedOutline
    from agent.frames.frame import Plane
    from agent.redact.effect import Effect
    from agent.redact.patch import Patch
    from agent.redact.replacement import Quantum

CoverShape = Literal["mask", "box"]
"""Hide an object's own pixels, or the rectangle around them."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One plane of a picture.

    Attributes:
        pixels: uint8 [h, w] or [h, w, channels].
        flat: the colour of `solid`, one value a channel.
        step: picture pixels a layer pixel, 1 or 2 along both axes; sizes are rounded up.
        quantum: how far apart the values lie that blur and pixelate leave.
    """

    pixels: Plane
    flat: tuple[int, ...]
    step: int = 1
    quantum: Quantum = 16


@dataclass(frozen=True, slots=True)
class Stencil:
    """The pixels to hide inside a rectangle whose corners are even.

    Attributes:
        left: even, picture pixels; as are `top` and the sides of `pixels`.
        pixels: uint8 [h, w], 255 or 0; reaches one pixel beyond a picture of odd size.
        effect: what hides them.
    """

    left: int
    top: int
    pixels: Plane
    effect: Effect

    @property
    def cells(self) -> tuple[int, int]:
        """How many cells it keeps along x and y."""
        height, width = self.pixels.shape
        return cells_of(width, height, self.effect.max_cells)

    @property
    def cell_px(self) -> float:
        """The side of a cell."""
        return float(max(self.pixels.shape) / max(self.cells))


def whole_reason(cover: Cover) -> str | None:
    """Why the whole picture must be hidden: the cover says so, or makes no sense."""
    if cover.whole is not None:
        return cover.whole
    return None if all(map(_makes_sense, cover.outlines)) else "invalid outline"


_MAX_PX = 1e7
"""Coordinates and growth beyond are nonsense. Chosen: ten times what a detection may claim."""


def _makes_sense(outline: PlacedOutline) -> bool:
    """Whether something is left of the outline's object when it is hidden by it."""
    bounds, grow_px = outline.bounds, outline.grow_px
    return (
        _is_finite(bounds, (4,))
        and _is_finite(outline.field, (GRID, GRID))
        and isinstance(grow_px, Real)
        and 0 <= float(grow_px) <= _MAX_PX
        and float(np.abs(bounds).max()) <= _MAX_PX
        and bool((bounds[:2] <= bounds[2:]).all())
        and float(outline.field.max()) > 0
    )


def _is_finite(values: object, shape: tuple[int, ...]) -> bool:
    return (
        isinstance(values, np.ndarray)
        and values.shape == shape
        and values.dtype.kind == "f"  # floats of any length
        and bool(np.isfinite(values).all())
    )


def hide_patches(layers: Sequence[Layer], patches: Iterable[Patch], shape: CoverShape) -> None:
    """Hide these patches in the layers, of which the first has the picture's resolution."""
    height, width = layers[0].pixels.shape[:2]
    for stencil in stencils_of(patches, (width, height), shape):
        _hide(layers, stencil)


def stencils_of(
    patches: Iterable[Patch], size: tuple[int, int], shape: CoverShape
) -> list[Stencil]:
    """What to hide in a picture of `size` (width, height), in this order.

    Where objects overlap the stricter effect holds. The coarsest grid goes first and later ones
    read what it left: a bag in front of a person never shows the person in the bag's cells. What
    is solid goes before them, so that no cell averages over it, and once more at the end.
    """
    found = (_stencil(patch, size, shape) for patch in patches)
    stencils = [stencil for stencil in found if stencil is not None]
    solid = [stencil for stencil in stencils if stencil.effect.kind == "solid"]
    rest = [stencil for stencil in stencils if stencil.effect.kind != "solid"]
    rest.sort(key=lambda each: each.cell_px, reverse=True)
    return [*solid, *rest, *(solid if rest else ())]


def hide_whole(layers: Sequence[Layer], sources: Iterable[Plane], effect: Effect) -> None:
    """Fill the layers with what the effect leaves of `sources`, which have their shapes."""
    height, width = layers[0].pixels.shape[:2]
    cells = cells_of(width, height, effect.max_cells)
    for layer, source in zip(layers, sources, strict=True):
        np.copyto(layer.pixels, replacement(effect, source, cells, layer.flat, layer.quantum))


def _stencil(patch: Patch, size: tuple[int, int], shape: CoverShape) -> Stencil | None:
    """What of a patch lies in the picture, or None where nothing does."""
    at_x, at_y = int(patch.x), int(patch.y)
    left, top = max(at_x, 0), max(at_y, 0)
    columns = slice(left - at_x, max(0, size[0] - at_x))
    rows = slice(top - at_y, max(0, size[1] - at_y))
    pixels = np.ascontiguousarray(patch.pixels[rows, columns])
    if not pixels.size:
        return None
    x, y, width, height = cv2.boundingRect(pixels)
    if not width:
        return None
    left, top = left + x, top + y
    inset_x, inset_y = left % 2, top % 2
    even = np.zeros(
        (inset_y + height + (top + height) % 2, inset_x + width + (left + width) % 2), np.uint8
    )
    inside = even[inset_y : inset_y + height, inset_x : inset_x + width]
    if shape == "box":
        inside[:] = 255
    else:
        cv2.threshold(pixels[y : y + height, x : x + width], 0, 255, cv2.THRESH_BINARY, dst=inside)
    return Stencil(left - inset_x, top - inset_y, even, patch.effect)


def _hide(layers: Sequence[Layer], stencil: Stencil) -> None:
    height, width = stencil.pixels.shape
    cells, effect = stencil.cells, stencil.effect
    # One covered pixel in four averages to 64 of 255, and any value above 0 hides: a maximum.
    halved = cv2.resize(stencil.pixels, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    for layer in layers:
        mask = stencil.pixels if layer.step == 1 else halved
        top, left = stencil.top // layer.step, stencil.left // layer.step
        region = layer.pixels[top : top + mask.shape[0], left : left + mask.shape[1]]
        mask = mask[: region.shape[0], : region.shape[1]]
        cv2.copyTo(replacement(effect, region, cells, layer.flat, layer.quantum), mask, region)
