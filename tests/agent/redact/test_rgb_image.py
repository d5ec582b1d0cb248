import numpy as np
import pytest

from agent.errors import UsageError
from agent.frames.cover import Cover, PlacedOutline
from agent.redact.effect import Effect
from agent.redact.patch import patches_of
from agent.redact.rgb_image import redact_rgb
from models.instances import Mask
from models.outline import Outline

EFFECTS = ["blur", "pixelate", "solid:12ab34"]


@pytest.fixture
def photograph():
    pixels = np.random.default_rng(5).integers(0, 256, (61, 83, 3), np.uint8)
    pixels.setflags(write=False)
    return pixels


@pytest.fixture
def diamond():
    rows, columns = np.ogrid[-20:21, -15:16]
    pixels = ((abs(rows) + abs(columns)) < 16).astype(np.uint8) * np.uint8(255)
    outline = Outline.from_mask(Mask(31, 9, pixels))
    return PlacedOutline(outline.bounds, outline.field)


@pytest.mark.parametrize("words", EFFECTS)
def test_outside_the_mask_an_image_keeps_every_bit(photograph, diamond, words):
    hidden = redact_rgb(photograph, Cover((diamond,)), Effect.parse(words))
    ((_, patch),) = patches_of(Cover((diamond,)), (83, 61), Effect.parse(words))
    rows, columns = patch.pixels.shape
    mask = np.zeros((61, 83), bool)
    mask[patch.y : patch.y + rows, patch.x : patch.x + columns] = patch.pixels > 0
    assert mask[14:45, 46].all()
    assert mask[29, 31:62].all()
    assert np.array_equal(hidden[~mask], photograph[~mask])
    same = (hidden[mask] == photograph[mask]).all(axis=1)
    assert same.mean() < 0.01
    if words.startswith("solid"):
        assert np.all(hidden[mask] == (0x12, 0xAB, 0x34))


def test_a_box_hides_the_rectangle_around_the_mask(photograph, diamond):
    hidden = redact_rgb(photograph, Cover((diamond,)), Effect.parse("solid"), "box")
    changed = np.zeros((61, 83), bool)
    changed[14:45, 31:62] = True
    assert np.all(hidden[changed] == 0)
    assert np.array_equal(hidden[~changed], photograph[~changed])


@pytest.mark.parametrize(
    "cover",
    [Cover.all_of_it("test"), Cover((PlacedOutline(np.zeros(4), np.zeros((2, 2), np.float32)),))],
)
def test_without_a_valid_result_nothing_is_left(photograph, cover):
    assert np.all(redact_rgb(photograph, cover, Effect.parse("solid")) == 0)
    blurred = redact_rgb(photograph, cover, Effect.parse("blur")).astype(float)
    assert blurred.std() < photograph.std() / 4


@pytest.mark.parametrize(
    "odd", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3))]
)
def test_only_eight_bit_rgb_is_taken(odd):
    with pytest.raises(UsageError, match="uint8"):
        redact_rgb(odd, Cover(()), Effect("blur"))
