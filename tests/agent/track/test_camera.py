"""How far the picture has moved."""

import cv2
import numpy as np
import pytest
from worlds import grey_frame

from agent.track.camera import Camera


def street(seed=3, size=(400, 700)):
    """A wide view with detail of several sizes, uint8."""
    rng, view = np.random.default_rng(seed), np.zeros(size, np.float32)
    for cell in (6, 20, 60):
        coarse = rng.uniform(0, 80, (size[0] // cell + 1, size[1] // cell + 1)).astype(np.float32)
        view += cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_LINEAR)
    return view.astype(np.uint8)


def looking_at(view, x, y, size=(180, 320)):
    return view[y : y + size[0], x : x + size[1]]


def followed(frames):
    camera = Camera()
    return np.array([camera.follow(grey_frame(frame)) for frame in frames])


@pytest.mark.parametrize("step", [(6, 0), (-6, 0), (0, 4), (9, -5)])
def test_a_pan_is_followed_to_the_pixel(step):
    view = street()
    frames = [looking_at(view, 200 + step[0] * i, 100 + step[1] * i) for i in range(12)]
    expected = -np.outer(np.arange(12), step)
    assert np.abs(followed(frames) - expected).max() < 6  # over 11 steps


def test_a_camera_at_rest_does_not_move_with_what_passes():
    view = looking_at(street(), 100, 100)
    frames = []
    for i in range(20):
        frame = view.copy()
        frame[60:140, 10 * i : 10 * i + 90] = street(9)[:80, :90]
        frames.append(frame)
    assert np.abs(followed(frames)).max() == 0


def test_noise_and_flat_pictures_are_no_motion():
    rng = np.random.default_rng(0)
    flat = [np.full((96, 160), 90, np.uint8)] * 4
    noise = [rng.integers(0, 255, (96, 160), np.uint8) for _ in range(4)]
    assert np.abs(followed([*flat, *noise])).max() == 0


def test_another_size_starts_anew():
    view = street()
    frames = [looking_at(view, 100, 100), looking_at(view, 110, 100)]
    frames += [looking_at(view, 100, 100, (96, 160)), looking_at(view, 100, 100, (96, 160))]
    assert followed(frames)[2:].tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("size", [(2, 2), (96, 16), (5, 400)])
def test_any_size_will_do(size):
    assert np.isfinite(followed([np.full(size, value, np.uint8) for value in (9, 200, 9)])).all()
