"""Pictures in memory that is used again, and never while somebody looks at it."""

import numpy as np
import pytest

from agent.video.decoded import colour_of, planes_of
from agent.video.picture_pool import PicturePool


def planes(size, layout, seed=0):
    random = np.random.default_rng(seed)
    width, height = size
    half = (height + 1) // 2, (width + 1) // 2
    shapes = [(height, width), half, half] if layout == "I420" else [(height, width), (*half, 2)]
    return tuple(random.integers(0, 256, shape, np.uint8) for shape in shapes)


def read(picture):
    colour = colour_of(picture)
    return planes_of(picture, colour, colour, None)


@pytest.mark.parametrize("layout", ["I420", "NV12"])
@pytest.mark.parametrize("size", [(96, 64), (98, 66), (97, 65), (2, 2), (1, 1), (1280, 720)])
def test_a_picture_shows_the_planes_that_were_copied(layout, size):
    given = planes(size, layout)
    picture = PicturePool().copied(given)
    assert (picture.width, picture.height) == size
    for plane, copy in zip(given, read(picture), strict=True):
        assert np.array_equal(plane, copy)


def test_rows_with_gaps_between_them_are_copied_without():
    wide = planes((128, 64), "NV12")
    given = wide[0][:, :96], wide[1][:, :48]
    for plane, copy in zip(given, read(PicturePool().copied(given)), strict=True):
        assert np.array_equal(plane, copy)


def address(picture):
    return read(picture)[0].ctypes.data


def test_memory_is_used_again_once_the_last_view_is_gone():
    pool, given = PicturePool(), planes((96, 64), "I420")
    picture = pool.copied(given)
    at, view = address(picture), read(picture)[2][::2]
    del picture
    other = pool.copied(planes((96, 64), "I420", seed=1))
    assert address(other) != at
    assert np.array_equal(view, given[2][::2])
    del view
    assert address(pool.copied(given)) == at


def test_pictures_of_another_size_have_their_own():
    pool = PicturePool()
    pool.copied(planes((96, 64), "I420"))
    for size in ((192, 128), (48, 32), (96, 64)):
        given = planes(size, "NV12")
        for plane, copy in zip(given, read(pool.copied(given)), strict=True):
            assert np.array_equal(plane, copy)
