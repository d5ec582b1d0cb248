"""A picture keeps its shape and its colours inside one of another size."""

from fractions import Fraction

import numpy as np
import pytest

from agent.frames.frame import Colour
from agent.video.letterbox import letterboxed

LIMITED, FULL = Colour("bt601", full_range=False), Colour("bt601", full_range=True)


def planes_of(size, layout="I420"):
    width, height = size
    half = (height + 1) // 2, (width + 1) // 2
    y, u, v = (
        np.full(shape, value, np.uint8)
        for shape, value in (((height, width), 200), (half, 90), (half, 160))
    )
    return (y, u, v) if layout == "I420" else (y, np.dstack([u, v]))


def bounds_of(plane, empty):
    """Left, top, right and bottom of what is not `empty`."""
    rows, columns = (np.nonzero((plane != empty).any(axis))[0] for axis in (1, 0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


@pytest.mark.parametrize("layout", ["I420", "NV12"])
@pytest.mark.parametrize(
    ("size", "into", "bounds"),
    [
        ((96, 64), (192, 128), (0, 0, 192, 128)),
        ((64, 96), (96, 64), (26, 0, 68, 64)),  # portrait in landscape
        ((96, 64), (64, 96), (0, 26, 64, 68)),
        ((96, 64), (6, 4), (0, 0, 6, 4)),  # a sixteenth
        ((6, 4), (96, 64), (0, 0, 96, 64)),
        ((2, 2), (96, 64), (16, 0, 80, 64)),
        ((96, 64), (2, 2), (0, 0, 2, 2)),
        ((96, 64), (97, 65), (0, 0, 96, 64)),
        ((97, 65), (96, 64), (0, 0, 96, 64)),
        ((1, 500), (96, 64), (46, 0, 48, 64)),
    ],
)
def test_it_is_as_large_as_fits_and_in_the_middle(size, into, bounds, layout):
    width, height = into
    boxed = letterboxed(planes_of(size, layout), LIMITED, into)
    assert boxed[0].shape == (height, width)
    assert {plane.shape[:2] for plane in boxed[1:]} == {((height + 1) // 2, (width + 1) // 2)}
    assert bounds_of(boxed[0], 16) == bounds
    chroma = boxed[1] if layout == "I420" else boxed[1][..., 0]
    assert bounds_of(chroma, 128) == tuple((side + 1) // 2 for side in bounds)
    assert set(np.unique(boxed[0])) <= {16, 200}
    assert set(np.unique(chroma)) <= {90, 128}


@pytest.mark.parametrize(("colour", "black"), [(LIMITED, 16), (FULL, 0)])
def test_the_bars_are_black(colour, black):
    boxed = letterboxed(planes_of((20, 60)), colour, (96, 64))
    assert boxed[0][32, 2] == black


def test_pixels_of_another_shape_are_stretched():
    """Anamorphic 16:9 in a 4:3 picture of as many pixels."""
    boxed = letterboxed(planes_of((720, 576)), LIMITED, (720, 576), Fraction(4, 3))
    assert bounds_of(boxed[0], 16) == (0, 72, 720, 504)
