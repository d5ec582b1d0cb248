"""Shapes: the sizes of input at which a network that was trained on squares is run."""

from __future__ import annotations

from models.input_size import shaped
from models.input_spec import InputSpec

_PICTURES = ((16, 9), (9, 16), (4, 3), (3, 4))


def shapes_of(side: int) -> tuple[tuple[int, int], ...]:
    """Widths and heights: the square, then what suits pictures of 16:9, 9:16, 4:3 and 3:4.

    Args:
        side: of the square, pixels, a multiple of 32.
    """
    square = InputSpec(width=side, height=side)
    suiting = (shaped(square, picture) for picture in _PICTURES)
    return tuple(dict.fromkeys([(side, side), *suiting]))
