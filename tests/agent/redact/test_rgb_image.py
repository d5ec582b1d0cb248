import numpy as np
import pytest

from agent.errors import UsageError
from agent.frames.cover import Cover, Patch
from agent.redact.effect import Effect
from agent.redact.rgb_image import redact_still

EFFECTS = ["blur", "pixelate", "solid:12ab34"]


@pytest.fixture
def photograph():
    pixels = np.random.default_rng(5).integers(0, 256, (61, 83, 3), np.uint8)
    pixels.setflags(write=False)
    return pixels


@pytest.fixture
def diamond():
    rows, columns = np.ogrid[-20:21, -15:16]
    return Patch(31, 9, ((abs(rows) + abs(columns)) < 16).astype(np.uint8) * np.uint8(255))


@pytest.mark.parametrize("words", EFFECTS)
def test_outside_the_mask_a_still_keeps_every_bit(photograph, diamond, words):
    hidden = redact_still(photograph, Cover((diamond,)), Effect.parse(words))
    mask = np.zeros((61, 83), bool)
    mask[9:50, 31:62] = diamond.pixels > 0
    assert np.array_equal(hidden[~mask], photograph[~mask])
    same = (hidden[mask] == photograph[mask]).all(axis=1)
    assert same.mean() < 0.01
    if words.startswith("solid"):
        assert np.all(hidden[mask] == (0x12, 0xAB, 0x34))


def test_a_box_hides_the_rectangle_around_the_mask(photograph, diamond):
    hidden = redact_still(photograph, Cover((diamond,)), Effect.parse("solid"), "box")
    changed = np.zeros((61, 83), bool)
    changed[14:45, 31:62] = True
    assert np.all(hidden[changed] == 0)
    assert np.array_equal(hidden[~changed], photograph[~changed])


@pytest.mark.parametrize(
    "cover", [Cover.all_of_it("test"), Cover((Patch(0, 0, np.zeros((2, 2), np.float32)),))]
)
def test_without_a_valid_result_nothing_is_left(photograph, cover):
    assert np.all(redact_still(photograph, cover, Effect.parse("solid")) == 0)
    blurred = redact_still(photograph, cover, Effect.parse("blur")).astype(float)
    assert blurred.std() < photograph.std() / 4


@pytest.mark.parametrize(
    "odd", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3))]
)
def test_only_eight_bit_rgb_is_taken(odd):
    with pytest.raises(UsageError, match="uint8"):
        redact_still(odd, Cover(()), Effect("blur"))
