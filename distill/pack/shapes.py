"""Shapes: the sizes of input at which a network that was trained on squares is run.

A square looks at bars for 44 % of its work on 16:9. At the same scale, an input of the picture's
own shape sees every object at the size that the network was trained for.
"""

from __future__ import annotations

from models.input_size import STRIDE

_SHARES = (9 / 16, 3 / 4)
"""Of the longer side: pictures of 16:9 and of 4:3, lying or upright."""


def shapes_of(side: int) -> tuple[tuple[int, int], ...]:
    """Widths and heights: the square, then 16:9, 9:16, 4:3 and 3:4 at its scale.

    Args:
        side: of the square, pixels, a multiple of 32.
    """
    short = [-(-round(side * share) // STRIDE) * STRIDE for share in _SHARES]
    lying = [size for edge in short for size in ((side, edge), (edge, side))]
    return tuple(dict.fromkeys([(side, side), *lying]))
