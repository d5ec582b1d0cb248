"""Cameras over RTSP that do what they may, and few do: a real server, set up so."""

from itertools import pairwise

import numpy as np
import pytest
from camera import Camera, number_of

from agent.video.live_source import LiveSource

pytestmark = pytest.mark.slow

PATIENCE_S = 30
GROUND = 90
"""Luma of the lower third of a picture, where nothing moves."""


def opened(url):
    return LiveSource(url, name="door", open_timeout_s=PATIENCE_S, stall_s=PATIENCE_S)


def seen(source, count):
    """The numbers of the next pictures, each of which is whole, and shown after the one before."""
    frames = [next(source) for _ in range(count)]
    assert all(a.pts < b.pts for a, b in pairwise(frames))
    for frame in frames:
        assert np.abs(frame.planes[0][-40:].astype(int) - GROUND).max() < 10
    assert not any(frame.suspect or frame.opens_scene for frame in frames)
    return [number_of(frame.planes[0]) for frame in frames]


def test_one_that_repeats_its_parameters_before_each_slice():
    """libav makes two damaged pictures of each such key picture, and all that follows is suspect."""
    with Camera(slices=2, repeats=True, rate=50, keyframes=10) as camera:
        source = opened(camera.url())
        numbers = seen(source, 40)
        assert source.damaged == source.repairs.jumps == 0
        source.close()
    assert numbers == list(range(numbers[0], numbers[0] + 40))


def test_one_whose_clock_wraps():
    """RTP's has 32 bits: at 90 kHz they are over every 13 hours and 15 minutes."""
    with Camera(stamp=2**32 - 90_000, rate=50) as camera:
        source = opened(camera.url())
        first = next(source)
        numbers = seen(source, 99)
        last = next(source)
        assert source.repairs.jumps == 0
        source.close()
    assert numbers == list(range(numbers[0], numbers[0] + 99))
    assert (last.pts - first.pts) * first.time_base == 2


def test_one_that_is_joined_in_the_middle_of_a_group():
    """Nothing is seen of it before its next key picture, and nothing then that is damaged."""
    with Camera(rate=50, keyframes=50) as camera:
        witness = opened(camera.url())
        seen(witness, 60)
        source = opened(camera.url())
        numbers = seen(source, 20)
        assert not source.damaged
        source.close()
        witness.close()
    assert numbers == list(range(numbers[0], numbers[0] + 20))
    assert numbers[0] >= 100
    assert numbers[0] % 50 == 0


def test_one_whose_groups_are_long_is_seen_from_its_first_picture_on():
    """It would be black for half a minute if what comes while it is opened were thrown away."""
    with Camera(rate=50, keyframes=1500) as camera:
        source = opened(camera.url())
        assert seen(source, 20) == list(range(20))
        source.close()
