"""A redacted frame as JPEG."""

import cv2
import numpy as np
import pytest

from agent.frames.cover import Cover
from agent.frames.frame import Colour
from agent.redact.effect import Effect
from agent.redact.redactor import Redactor
from agent.service.snapshot import MAX_BYTES, snapshot_of
from models.preprocess import yuv_to_rgb

COLOURS = [
    Colour(matrix, full_range=full_range)
    for matrix in ("bt601", "bt709", "bt2020")
    for full_range in (False, True)
]
NOTHING = Cover(())
PAINTS = [(200, 40, 40), (40, 160, 60), (50, 60, 190), (128, 128, 128), (235, 235, 235)]


def redacted(frame, cover=NOTHING):
    return Redactor(frame.size, Effect("solid")).redact(frame, cover)


def decoded(snapshot):
    """RGB, as a browser shows it."""
    bgr = cv2.imdecode(np.frombuffer(snapshot.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert (bgr.shape[1], bgr.shape[0]) == snapshot.size
    return bgr[..., ::-1]


def planes_of(rgb, colour, layout, size):
    """One colour in YUV of a kind."""
    affine = yuv_to_rgb(colour.matrix, full_range=colour.full_range)
    y, u, v = np.rint(np.linalg.solve(affine[:, :3], np.array(rgb) - affine[:, 3]))
    width, height = size
    half = (height + 1) // 2, (width + 1) // 2
    luma = np.full((height, width), y, np.uint8)
    if layout == "I420":
        return luma, np.full(half, u, np.uint8), np.full(half, v, np.uint8)
    return luma, np.dstack([np.full(half, u, np.uint8), np.full(half, v, np.uint8)])


@pytest.mark.parametrize("layout", ["I420", "NV12"])
@pytest.mark.parametrize("colour", COLOURS, ids=str)
def test_its_colours_are_the_frames(make_frame, colour, layout):
    for rgb in PAINTS:
        frame = make_frame(planes_of(rgb, colour, layout, (320, 180)), colour)
        picture = decoded(snapshot_of(redacted(frame), 1.0, 160, 0.0))
        assert np.abs(picture.astype(int) - rgb).max() <= 4, rgb


@pytest.mark.parametrize("size", [(640, 360), (1920, 1080), (640, 640), (360, 4000), (1, 1)])
def test_even_noise_fits_into_a_message(make_noise, size):
    snapshot = snapshot_of(redacted(make_noise(size)), 1.0, 640, 0.0)
    assert len(snapshot.jpeg) <= MAX_BYTES
    decoded(snapshot)


def test_what_is_easy_keeps_its_pixels(make_frame):
    frame = make_frame(planes_of((200, 40, 40), COLOURS[0], "I420", (1920, 1080)))
    assert snapshot_of(redacted(frame), 1.0, 640, 0.0).size == (640, 360)


def test_it_is_never_enlarged(make_noise):
    assert snapshot_of(redacted(make_noise((160, 96))), 1.0, 640, 0.0).size == (160, 96)


def test_pixels_that_are_not_square_are_shown_as_they_are_meant(make_noise):
    pal = redacted(make_noise((720, 576)))
    assert snapshot_of(pal, 64 / 45, 512, 0.0).size == (512, 288)


def test_what_is_high_gets_narrow(make_noise):
    width, height = snapshot_of(redacted(make_noise((100, 4000))), 1.0, 64, 0.0).size
    assert (width, height) == (6, 256)


def test_it_shows_what_is_left_after_redaction(make_noise):
    frame = make_noise((320, 180))
    snapshot = snapshot_of(redacted(frame, Cover.all_of_it("test")), 1.0, 320, 1.5)
    assert (snapshot.whole, snapshot.age_s) == ("test", 1.5)
    assert decoded(snapshot).max() < 10
    assert snapshot_of(redacted(frame), 1.0, 320, 0.0).whole is None


def test_nothing_else_is_made_into_one(make_noise):
    with pytest.raises(TypeError, match="RedactedFrame"):
        snapshot_of(make_noise((160, 96)), 1.0, 160, 0.0)
