import cv2
import numpy as np
import pytest

from agent.errors import UsageError
from agent.frames.frame import Colour
from agent.redact.effect import Effect
from agent.redact.planes import flat_planes
from agent.redact.replacement import cells_of, replacement
from models.preprocess import rgb_from_yuv


@pytest.mark.parametrize("text", ["auto", "blur", "pixelate", "solid:000000", "solid:ff00ff"])
def test_words_survive_a_round_trip(text):
    assert str(Effect.parse(text)) == text


def test_solid_is_black_unless_a_colour_is_named():
    assert Effect.parse("solid").rgb == (0, 0, 0)
    assert Effect.parse("solid:FF8001").rgb == (255, 128, 1)


@pytest.mark.parametrize(
    "text", ["", "none", "Blur", "blur:3", "solid:", "solid:fff", "solid:gg0000", "solid:ff00ff\n"]
)
def test_anything_else_is_refused_in_one_line(text):
    with pytest.raises(UsageError, match="choose auto, blur, pixelate, solid") as refusal:
        Effect.parse(text)
    assert "\n" not in str(refusal.value)


def test_cells_are_at_most_twelve_and_roughly_square_and_never_a_pixel():
    for width in range(1, 200, 3):
        for height in range(1, 200, 7):
            across, down = cells_of(width, height, 12)
            assert 1 <= min(across, down) <= max(across, down) <= 12
            assert max(width / across, height / down) >= min(4, max(width, height))
            if min(width, height) >= 24:
                assert 0.6 < (width / across) / (height / down) < 1.7


# As printed in the test patterns of the two standards, and in JFIF.
@pytest.mark.parametrize(
    ("rgb", "matrix", "full_range", "yuv"),
    [
        ((255, 0, 0), "bt601", False, (81, 90, 240)),
        ((255, 0, 255), "bt601", False, (107, 202, 222)),
        ((255, 0, 0), "bt709", False, (63, 102, 240)),
        ((255, 0, 0), "bt601", True, (76, 85, 255)),
        ((0, 0, 0), "bt709", False, (16, 128, 128)),
        ((255, 255, 255), "bt709", False, (235, 128, 128)),
        ((255, 255, 255), "bt2020", True, (255, 128, 128)),
    ],
)
def test_a_colour_takes_the_known_values_in_planes(rgb, matrix, full_range, yuv):
    found = flat_planes(rgb, Colour(matrix, full_range), 3)
    assert [value for (value,) in found] == pytest.approx(yuv, abs=1)


@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020"])
@pytest.mark.parametrize("full_range", [False, True])
def test_a_colour_comes_back_within_two_of_255(matrix, full_range):
    for rgb in [(255, 0, 255), (0, 255, 0), (255, 0, 0), (0, 0, 255), (12, 200, 99), (0, 0, 0)]:
        flats = flat_planes(rgb, Colour(matrix, full_range), 3)
        planes = [np.full((2, 2), flat, np.uint8) for flat in flats]
        back = rgb_from_yuv(planes, (1, 1), matrix, full_range=full_range)[0, 0]
        assert np.abs(back.astype(int) - rgb).max() <= 2


@pytest.mark.parametrize("kind", ["blur", "pixelate"])
def test_grey_stays_grey(kind):
    """Rounding must not tint: neutral chroma is 128 before and after."""
    chroma = np.full((40, 30), 128, np.uint8)
    assert np.all(replacement(Effect(kind), chroma, (9, 12), (0,), 8) == 128)


@pytest.mark.parametrize("kind", ["blur", "pixelate"])
def test_what_is_left_is_no_finer_than_its_cells(kind):
    """Bound of information: rebuilt from 12 x 6 samples, the replacement is all there."""
    region = np.random.default_rng(3).integers(0, 256, (240, 120), np.uint8)
    left = replacement(Effect(kind), region, (6, 12), (0,), 16)
    samples = left[10::20, 10::20]
    enlarge = cv2.INTER_NEAREST if kind == "pixelate" else cv2.INTER_LINEAR
    rebuilt = cv2.resize(samples, (120, 240), interpolation=enlarge)
    assert np.abs(left.astype(int) - rebuilt).max() <= 2
    if kind == "pixelate":
        assert set(np.unique(left)) <= set(range(0, 256, 16))


def test_blur_rounds_its_cells():
    """A slope of one value a cell, as motion of less than a pixel would show, becomes a few."""
    slope = np.repeat(np.arange(100, 112, dtype=np.uint8), 20)[None].repeat(20, axis=0)
    samples = replacement(Effect("blur"), slope, (12, 1), (0,), 16)[10, 10::20]
    assert set(samples.tolist()) == {96, 112}


def test_blur_smooths_its_cells():
    """One white cell is a ninth of what shows in its place, and a ninth of each neighbour."""
    region = np.zeros((100, 100), np.uint8)
    region[40:60, 40:60] = 255
    samples = replacement(Effect("blur"), region, (5, 5), (0,), 16)[10::20, 10::20]
    expected = np.zeros((5, 5))
    expected[1:4, 1:4] = 32  # the level next to 255 / 9; samples lie beside the cells' centres
    assert np.abs(samples - expected).max() <= 2
