"""Which pictures of two fields show two moments: painted worlds whose truth is known."""

import numpy as np
import pytest

from models.combing import is_combed

SIZE = 96, 160


def texture(seed, shape):
    """Smooth, as what a lens has drawn is: noise, averaged over seven pixels."""
    noise = np.random.default_rng(seed).integers(0, 256, (shape[0] + 6, shape[1] + 6)).astype(float)
    rows = np.lib.stride_tricks.sliding_window_view(noise, (7, 7)).mean((2, 3))
    return np.clip((rows - 128) * 5 + 128, 0, 255).astype(np.uint8)


GROUND, THING = texture(0, SIZE), texture(1, (40, 40))


def moment(at, noise=0.0):
    """The world at a time: a thing that runs three pixels to the right in each field."""
    picture = GROUND.copy()
    x = 10 + 3 * at
    picture[30:70, x : x + 40] = THING
    if noise:
        grain = np.random.default_rng(1000 + at).normal(0, noise, picture.shape)
        picture = np.clip(picture + grain, 0, 255).astype(np.uint8)
    return picture


def woven(even, odd):
    picture = even.copy()
    picture[1::2] = odd[1::2]
    return picture


def interlaced(count, *, top_first, noise=0.0):
    fields = [moment(at, noise) for at in range(2 * count)]
    pairs = zip(fields[0::2], fields[1::2], strict=True)
    return [woven(*(pair if top_first else pair[::-1])) for pair in pairs]


def combed(pictures):
    beside = [None, *pictures, None]
    return [
        is_combed(picture, before, after)
        for before, picture, after in zip(beside, pictures, beside[2:], strict=False)
    ]


@pytest.mark.parametrize("noise", [0, 5])
@pytest.mark.parametrize("top_first", [True, False])
def test_pictures_of_two_moments_are_combed_whichever_field_is_first(top_first, noise):
    assert combed(interlaced(8, top_first=top_first, noise=noise)) == [True] * 8


@pytest.mark.parametrize("noise", [0, 5])
@pytest.mark.parametrize("step", [1, 2])
def test_whole_pictures_are_not(step, noise):
    assert combed([moment(step * i, noise) for i in range(10)]) == [False] * 10


def test_what_stands_still_is_not():
    assert combed([moment(3)] * 4) == [False] * 4


@pytest.mark.parametrize("noise", [0, 5])
def test_of_film_in_pulldown_two_in_five_are(noise):
    a, b, c, d, e, f, g, h = (moment(2 * i, noise) for i in range(8))
    cadence = [a, b, woven(b, c), woven(c, d), d, e, f, woven(f, g), woven(g, h), h]
    assert combed(cadence) == [False, False, True, True, False] * 2


def test_a_cut_makes_no_picture_whole():
    other = [255 - picture for picture in interlaced(8, top_first=True)[4:]]
    assert combed(interlaced(8, top_first=True)[:4] + other) == [True] * 8


def test_a_cut_combs_no_picture():
    other = [255 - moment(2 * i) for i in range(4)]
    assert combed([moment(2 * i) for i in range(4)] + other) == [False] * 8


def test_a_cut_between_the_fields_of_a_picture_combs_it():
    a, b = moment(2), 255 - moment(3)
    assert combed([moment(0), woven(a, b), 255 - moment(4)])[1]


def test_a_small_thing_in_a_large_picture_is_enough():
    def wide(picture):
        return np.tile(picture[:1], (480, 4))[:, :640].copy()

    pictures = []
    for picture in interlaced(4, top_first=True):
        large = wide(GROUND)
        large[100:196, 200:360] = picture
        pictures.append(large)
    assert combed(pictures) == [True] * 4


def test_a_caption_that_rolls_over_film_is_enough():
    """Film of whole pictures, and a line that was keyed over it field by field."""
    film = [np.tile(moment(2 * i), (3, 2)) for i in range(5)]
    for picture, over in zip(film, interlaced(5, top_first=True), strict=True):
        picture[200:280, 20:300] = np.tile(over[30:70], (2, 2))[:, 20:300]
    assert combed(film) == [True] * 5


def test_one_picture_alone_is_believed_to_be_what_it_is_flagged_as():
    assert is_combed(moment(0), None, None)


@pytest.mark.parametrize("shape", [(6, 3), (7, 5), (17, 33)])
def test_small_pictures_can_be_asked_about(shape):
    plain = np.full(shape, 100, np.uint8)
    assert not is_combed(plain, plain, plain)
