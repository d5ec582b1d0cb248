"""Cover: which pixels the device hides because of one instance.

One image by itself is meant, as `sfumato redact-image` covers it: no tracker adds what it knows
from the frames around. The outline is painted by the very code of the device, thin limbs and all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.outline import Shape, longer_side, render

if TYPE_CHECKING:
    import numpy.typing as npt

    from models.instances import Instances

    Pixels = npt.NDArray[np.uint8]

MARGIN = 0.0
"""Growth of every outline where nobody says otherwise, as the agent has it."""


def cover_of(
    found: Instances, index: int, size: tuple[int, int], margin: float = MARGIN
) -> tuple[int, int, Pixels] | None:
    """The pixels that one instance hides; its whole box where the network gives no masks.

    Args:
        found: what was seen in an image.
        index: which of it.
        size: height, width of the image, to which the cover is clipped.
        margin: growth of the outline, share of the longer side of what it encloses.

    Returns:
        x, y and uint8 [h, w] of 0 and 1; None where nothing is hidden.
    """
    shape = Shape.of(found, index)
    if shape is None:
        return None
    grow_px = margin * longer_side(shape.bounds)
    painted = render(shape.bounds, shape.field, grow_px, (size[1], size[0]))
    if painted is None:
        return None
    x, y, pixels = painted
    return (x, y, pixels & np.uint8(1)) if pixels.any() else None
