"""Pictures become the same numbers as ever, in memory that is used again and again."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from models.importing import _FED
from models.input_buffer import InputBuffer
from models.input_spec import InputSpec
from models.preprocess import Letterbox

SIZES = {"width": 96, "height": 64}
FED = {
    "yolo": {},
    **_FED,
    "grey of its own": {"pad_value": 0, "mean": (127.5,) * 3, "std": (127.5,) * 3},
    "one std, no mean": {"colour": "bgr", "std": (57.375,) * 3, "letterbox": "corner"},
    "std a channel, no mean": {"std": (58.395, 57.12, 57.375), "letterbox": "stretch"},
}
SOURCES = [(1280, 720), (720, 1280), (640, 480), (4000, 1), (1, 4000), (96, 64), (7, 5)]


def reference(scaled, fit, spec):
    """A padded copy, then OpenCV's blob or NumPy's arithmetic: how it was done before."""
    canvas = np.full((spec.height, spec.width, 3), spec.pad_value, np.uint8)
    (left, top), (width, height) = fit.offset, fit.inner
    canvas[top : top + height, left : left + width] = scaled
    if spec.colour == "bgr":
        canvas = canvas[..., ::-1]
    if spec.mean == (0.0, 0.0, 0.0) and len(set(spec.std)) == 1:
        return cv2.dnn.blobFromImage(canvas, 1 / spec.std[0])
    mean, std = np.array(spec.mean, np.float32), np.array(spec.std, np.float32)
    return np.ascontiguousarray(((canvas.astype(np.float32) - mean) / std).transpose(2, 0, 1)[None])


def picture(fit, seed):
    width, height = fit.inner
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture(params=FED)
def spec(request):
    return InputSpec(**SIZES, **FED[request.param])


def test_every_family_gets_the_same_bits_as_ever_whatever_came_before(spec):
    """Pictures of other shapes in between leave nothing behind."""
    buffer = InputBuffer(spec)
    for seed, source in enumerate([*SOURCES, *reversed(SOURCES), *SOURCES[::2]]):
        fit = Letterbox.fit(source, spec)
        scaled = picture(fit, seed)
        np.testing.assert_array_equal(
            buffer.fill(scaled, fit), reference(scaled, fit, spec), strict=True
        )


def test_every_value_of_a_pixel_is_the_same_bits_as_ever(spec):
    square = spec.model_copy(update={"width": 64, "height": 64, "letterbox": "stretch"})
    fit = Letterbox.fit((64, 64), square)
    ramp = np.arange(64 * 64 * 3).astype(np.uint8).reshape(64, 64, 3)
    ramp[32:] = ramp[32:, :, ::-1]
    assert all(set(ramp[..., channel].ravel()) == set(range(256)) for channel in range(3))
    np.testing.assert_array_equal(InputBuffer(square).fill(ramp, fit), reference(ramp, fit, square))


def test_the_memory_stays_the_same(spec):
    buffer = InputBuffer(spec)
    arrays = [
        buffer.fill(picture(fit, 0), fit) for fit in (Letterbox.fit(s, spec) for s in SOURCES)
    ]
    assert all(np.shares_memory(arrays[0], array) for array in arrays)
    assert arrays[0].flags.c_contiguous


def test_buffers_of_one_spec_share_nothing_that_changes():
    spec = InputSpec(**SIZES)
    fits = [Letterbox.fit(source, spec) for source in SOURCES]

    def feed(number):
        buffer = InputBuffer(spec)
        for seed in range(50):
            fit = fits[(number + seed) % len(fits)]
            scaled = picture(fit, seed)
            if not np.array_equal(buffer.fill(scaled, fit), reference(scaled, fit, spec)):
                return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(feed, range(4)))


def test_colour_order_mean_and_std_follow_the_spec():
    spec = InputSpec(
        height=32, width=32, colour="bgr", mean=(1, 2, 3), std=(1, 2, 4), letterbox="stretch"
    )
    array = InputBuffer(spec).fill(
        np.full((32, 32, 3), (10, 20, 31), np.uint8), Letterbox.fit((9, 9), spec)
    )
    np.testing.assert_allclose(array[0, :, 5, 5], [30, 9, 1.75])


@pytest.mark.parametrize("shape", [(180, 320, 3), (64, 96, 3), (54, 97, 3), (54, 96)])
def test_an_image_of_another_size_than_its_place_is_refused(shape):
    """OpenCV would write it elsewhere, and the network would see the picture before."""
    spec = InputSpec(**SIZES)
    with pytest.raises(ValueError, match=r"where \(54, 96, 3\) was due"):
        InputBuffer(spec).fill(np.zeros(shape, np.uint8), Letterbox.fit((1280, 720), spec))
