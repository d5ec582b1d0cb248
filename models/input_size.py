"""InputSize: which size of input suits a picture, and what share of a size is bars.

A square network looks at bars for 44 % of its work on 16:9. At the same scale an input of the
picture's own shape sees every object at the size that the network was trained for.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from models.preprocess import Letterbox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.input_spec import InputSpec

STRIDE = 32
"""Pixels of input a cell of the coarsest map of every family here: sizes are multiples of it."""


def suited(inputs: Sequence[InputSpec], source: tuple[int, int]) -> InputSpec:
    """The smallest input in which a picture is as large as in a square as wide as the first.

    Where it is that large in none, the one in which it is largest.

    Args:
        inputs: how a network may be fed, `Manifest.inputs()`.
        source: width, height of the picture, pixels.
    """
    side = max(inputs[0].width, inputs[0].height)
    square = inputs[0].model_copy(update={"width": side, "height": side})
    seen = {spec: _pixels(spec, source) for spec in inputs}
    needed = min(_pixels(square, source), max(seen.values()))
    enough = [spec for spec, pixels in seen.items() if pixels >= needed]
    return min(enough, key=lambda spec: spec.width * spec.height)


def shaped(spec: InputSpec, source: tuple[int, int]) -> tuple[int, int]:
    """Width, height in multiples of 32 that show a picture as large as a square as wide as `spec`.

    Args:
        spec: how a network is fed.
        source: width, height of the picture, pixels.
    """
    side = max(spec.width, spec.height)
    scale = side / max(source)
    width, height = (math.ceil(round(edge * scale) / STRIDE) * STRIDE for edge in source)
    return width, height


def bars(spec: InputSpec, source: tuple[int, int]) -> float:
    """The share (0 to 1) of an input that a picture of `source` (width, height) leaves to bars."""
    return 1 - _pixels(spec, source) / (spec.width * spec.height)


def _pixels(spec: InputSpec, source: tuple[int, int]) -> int:
    """Pixels of input that the picture covers."""
    width, height = Letterbox.fit(source, spec).inner
    return width * height
