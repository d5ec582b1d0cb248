"""Which size of input suits a picture, and what it leaves to bars."""

import pytest

from models.input_size import bars, shaped, suited
from models.input_spec import InputSpec
from models.preprocess import Letterbox

SQUARE, WIDE, OLD, UPRIGHT = (640, 640), (640, 384), (640, 480), (384, 640)


def specs(*sizes, letterbox="centre"):
    return [InputSpec(width=width, height=height, letterbox=letterbox) for width, height in sizes]


@pytest.mark.parametrize("letterbox", ["centre", "corner"])
@pytest.mark.parametrize(
    ("source", "sizes", "size"),
    [
        ((1280, 720), [SQUARE], SQUARE),
        ((1280, 720), [SQUARE, WIDE, OLD, UPRIGHT], WIDE),
        ((1920, 1080), [SQUARE, OLD, WIDE], WIDE),
        ((854, 480), [SQUARE, WIDE], WIDE),
        ((320, 180), [SQUARE, WIDE], WIDE),
        ((2560, 1080), [SQUARE, OLD, WIDE], WIDE),
        ((640, 480), [SQUARE, WIDE, OLD, UPRIGHT], OLD),
        ((640, 480), [SQUARE, WIDE], SQUARE),
        ((720, 576), [SQUARE, WIDE, OLD], SQUARE),
        ((720, 1280), [SQUARE, WIDE, OLD, UPRIGHT], UPRIGHT),
        ((720, 1280), [SQUARE, WIDE], SQUARE),
        ((1080, 1080), [SQUARE, WIDE, UPRIGHT], SQUARE),
        ((640, 480), [WIDE], WIDE),
        ((640, 480), [WIDE, OLD], OLD),
        ((640, 480), [WIDE, UPRIGHT], WIDE),
        ((720, 1280), [WIDE, UPRIGHT], UPRIGHT),
        ((1280, 720), [UPRIGHT, WIDE], WIDE),
        ((1280, 720), [WIDE, (1280, 736)], WIDE),
        ((1280, 720), [WIDE, (320, 192)], WIDE),
        ((4000, 1), [SQUARE, WIDE], WIDE),
    ],
)
def test_a_picture_is_seen_at_the_scale_of_the_square_for_the_least_work(
    source, sizes, size, letterbox
):
    inputs = specs(*sizes, letterbox=letterbox)
    chosen = suited(inputs, source)
    assert (chosen.width, chosen.height) == size
    assert chosen in inputs
    first, here = (Letterbox.fit(source, spec).inner for spec in (inputs[0], chosen))
    assert min(here[0] / first[0], here[1] / first[1]) >= 1


def test_a_stretched_input_has_no_bars_to_save():
    inputs = specs(SQUARE, WIDE, letterbox="stretch")
    assert suited(inputs, (1280, 720)) == inputs[0]
    assert bars(inputs[0], (1280, 720)) == 0


@pytest.mark.parametrize(
    ("size", "source", "share"),
    [
        (SQUARE, (1920, 1080), 0.4375),
        (WIDE, (1920, 1080), 0.0625),
        (SQUARE, (640, 480), 0.25),
        (SQUARE, (1080, 1920), 0.4375),
        (SQUARE, (500, 500), 0),
    ],
)
def test_bars_are_what_a_picture_leaves(size, source, share):
    assert bars(*specs(size), source) == share


@pytest.mark.parametrize(
    ("size", "source", "width", "height"),
    [
        (SQUARE, (1920, 1080), 640, 384),
        (SQUARE, (720, 1280), 384, 640),
        (SQUARE, (640, 480), 640, 480),
        (WIDE, (720, 1280), 384, 640),
        ((416, 416), (16, 9), 416, 256),
        ((300, 300), (16, 9), 320, 192),
    ],
)
def test_a_shape_is_that_of_the_picture_at_the_scale_of_the_square(size, source, width, height):
    (spec,) = specs(size)
    assert shaped(spec, source) == (width, height)
    own = InputSpec(width=width, height=height)
    assert suited([spec, own], source) in {own, spec}
    assert bars(own, source) < 0.25
