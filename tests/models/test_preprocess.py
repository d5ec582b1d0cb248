"""Image to network input, and the way back."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.input_buffer import InputBuffer
from models.input_spec import InputSpec
from models.preprocess import Letterbox, preprocess, rgb_from_yuv

SPEC = InputSpec(height=320, width=320)


@pytest.mark.parametrize(
    ("source", "letterbox", "inner", "offset"),
    [
        ((1280, 720), "centre", (320, 180), (0, 70)),
        ((720, 1280), "centre", (180, 320), (70, 0)),
        ((1280, 720), "corner", (320, 180), (0, 0)),
        ((1280, 720), "stretch", (320, 320), (0, 0)),
        ((100, 99), "centre", (320, 317), (0, 1)),
        ((4000, 1), "centre", (320, 1), (0, 159)),
    ],
)
def test_an_image_is_placed_as_ultralytics_places_it(source, letterbox, inner, offset):
    spec = InputSpec(height=320, width=320, letterbox=letterbox)
    assert Letterbox.fit(source, spec) == Letterbox(source, inner, offset)


@settings(deadline=None)
@given(st.integers(8, 4000), st.integers(8, 4000), st.sampled_from(["centre", "corner", "stretch"]))
def test_the_way_back_ends_at_the_edges_of_the_image(width, height, letterbox):
    fit = Letterbox.fit((width, height), InputSpec(height=352, width=640, letterbox=letterbox))
    (x, y), (w, h) = fit.offset, fit.inner
    back = fit.to_source(np.array([[x, y, x + w, y + h], [-999, -999, 9999, 9999]], np.float32))
    np.testing.assert_allclose(back, [[0, 0, width, height]] * 2, rtol=1e-5)


def test_bars_are_grey_and_pixels_are_scaled():
    image = np.full((90, 160, 3), (255, 0, 51), np.uint8)
    tensor, _ = preprocess(image, SPEC)
    assert tensor.shape == (1, 3, 320, 320)
    assert tensor.dtype == np.float32
    np.testing.assert_allclose(tensor[0, :, 160, 160], [1, 0, 0.2], atol=1e-6)
    np.testing.assert_allclose(tensor[0, :, 2, 2], 114 / 255, atol=1e-6)


@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020"])
@pytest.mark.parametrize("full_range", [True, False])
@pytest.mark.parametrize("interleaved", [True, False])
def test_colours_survive_the_planes(matrix, full_range, interleaved):
    """RGB to Y'CbCr by the definition of ITU-T H.273, then back by ours."""
    kr, kb = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}[
        matrix
    ]
    for rgb in [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (90, 120, 30)]:
        r, g, b = (value / 255 for value in rgb)
        luma = kr * r + (1 - kr - kb) * g + kb * b
        u, v = (b - luma) / (2 * (1 - kb)), (r - luma) / (2 * (1 - kr))
        if full_range:
            codes = 255 * luma, 255 * u + 128, 255 * v + 128
        else:
            codes = 219 * luma + 16, 224 * u + 128, 224 * v + 128
        y, cb, cr = (round(min(code, 255)) for code in codes)
        planes = [np.full((48, 64), y, np.uint8)]
        if interleaved:
            planes.append(np.full((24, 32, 2), (cb, cr), np.uint8))
        else:
            planes += [np.full((24, 32), cb, np.uint8), np.full((24, 32), cr, np.uint8)]
        image = rgb_from_yuv(planes, (16, 12), matrix, full_range=full_range)
        assert image.shape == (12, 16, 3)
        np.testing.assert_allclose(image[6, 8], rgb, atol=2)


def test_planes_and_image_end_in_the_same_input(data):
    """The device's way (planes, scaled, converted) and the evaluator's (RGB) nearly agree."""
    image = cv2.cvtColor(cv2.imread(str(data / "images" / "bus.jpg")), cv2.COLOR_BGR2RGB)
    yuv = cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420).reshape(-1)
    height, width = image.shape[:2]
    size, quarter = width * height, width * height // 4
    planes = [
        yuv[:size].reshape(height, width),
        yuv[size : size + quarter].reshape(height // 2, width // 2),
        yuv[size + quarter :].reshape(height // 2, width // 2),
    ]
    fit = Letterbox.fit((width, height), SPEC)
    small = rgb_from_yuv(planes, fit.inner, "bt601", full_range=False)
    ours, theirs = InputBuffer(SPEC).fill(small, fit), preprocess(image, SPEC)[0]
    assert np.abs(ours - theirs).mean() < 3 / 255


def test_halves_are_rounded_as_each_family_does():
    """1280 x 533 at half size is 266.5 high: MMCV takes 267, Ultralytics 266."""
    corner = InputSpec(height=640, width=640, letterbox="corner")
    assert Letterbox.fit((1280, 533), corner).inner == (640, 267)
    assert Letterbox.fit((1280, 533), InputSpec(height=640, width=640)).inner == (640, 266)
