"""Sampling: duplicates, blur and cuts."""

import itertools

import cv2
import numpy as np
import pytest

from distill.data.clips import Clip
from distill.label.sampling import BLURRED, DUPLICATE, NOT_CHOSEN, Sampler
from tests.distill.label.blobs import ground, scene, write_clip


class Still:
    """A frame from memory."""

    def __init__(self, index, image):
        self.index, self._image = index, image
        self.size = image.shape[1], image.shape[0]

    def grey(self, side):
        scale = side / max(self.size)
        grey = cv2.cvtColor(self._image, cv2.COLOR_RGB2GRAY)
        return cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def judged(images, every=1):
    sampler = Sampler(every)
    return [sampler.judge(Still(i, image)) for i, image in enumerate(images)], sampler


def noisy(seed, shift=0):
    """A picture full of fine texture, moved by some pixels."""
    image = np.random.default_rng(seed).integers(0, 256, (40, 260), np.uint8)
    image = cv2.resize(image, (1600, 240), interpolation=cv2.INTER_CUBIC)[:, shift : shift + 320]
    return np.repeat(image[..., None], 3, axis=2)


def test_every_third_frame_is_taken():
    decisions, sampler = judged([scene(i) for i in range(9)], every=3)
    assert [i for i, v in enumerate(decisions) if v.dropped is None] == [0, 3, 6]
    assert sampler.dropped == {NOT_CHOSEN: 6}


def test_what_shows_nothing_new_is_dropped_and_counted_for_the_frame_it_repeats():
    rng = np.random.default_rng(0)
    still = [np.clip(scene(0) + rng.normal(0, 3, (96, 128, 3)), 0, 255).astype(np.uint8)] * 5
    decisions, sampler = judged([*still, scene(4)])
    assert [v.dropped for v in decisions] == [None, *[DUPLICATE] * 4, None]
    assert [v.stands_for_latest for v in decisions] == [False, *[True] * 4, False]
    assert sampler.dropped[DUPLICATE] == 4


def test_a_small_thing_that_moves_is_news():
    image = ground(1)
    moved = image.copy()
    cv2.circle(moved, (60, 50), 4, (255, 255, 255), -1)
    decisions, _ = judged([image, moved])
    assert decisions[1].dropped is None


def test_blurred_frames_are_dropped_and_others_are_not():
    images = [noisy(0, shift=3 * i) for i in range(20)]
    images[12] = cv2.blur(images[12], (15, 15))
    images[13] = cv2.blur(images[13], (15, 15))
    decisions, _ = judged(images)
    assert [i for i, v in enumerate(decisions) if v.dropped == BLURRED] == [12, 13]


def test_blur_is_measured_by_the_clip_itself():
    """A clip that is soft throughout has no blurred frames."""
    images = [cv2.blur(noisy(0, shift=3 * i), (15, 15)) for i in range(20)]
    decisions, _ = judged(images)
    assert not any(v.dropped == BLURRED for v in decisions)


def test_a_thing_that_leaves_takes_its_edges_but_blurs_nothing():
    wall = noisy(3)
    wall[:, 100:] = 90
    images = []
    for i in range(20):
        image = wall.copy()
        if i < 12:
            image[:, 200:] = noisy(4, shift=3 * i)[:, 200:]
        images.append(image)
    decisions, _ = judged(images)
    assert not any(v.dropped == BLURRED for v in decisions)


def test_a_cut_begins_a_segment_and_a_light_that_goes_on_does_not():
    images = [scene(i) for i in range(10)] + [scene(i, seed=7) for i in range(10)]
    decisions, _ = judged(images)
    assert [v.segment for v in decisions] == [0] * 10 + [1] * 10
    brighter = [np.clip(scene(i) * (1 + 0.03 * i), 0, 255).astype(np.uint8) for i in range(20)]
    assert judged(brighter)[0][-1].segment == 0


def test_a_cut_is_found_between_frames_that_are_not_chosen():
    images = [scene(i) for i in range(9)] + [scene(i, seed=7) for i in range(9)]
    decisions, _ = judged(images, every=4)
    assert [v.segment for v in decisions if v.dropped is None] == [0, 0, 0, 1, 1]


def test_a_cut_in_a_decoded_clip(tmp_path):
    images = [scene(i) for i in range(10)] + [scene(i, seed=7) for i in range(10)]
    with Clip(write_clip(tmp_path / "cut.mp4", images)) as clip:
        sampler = Sampler(1)
        assert [sampler.judge(frame).segment for frame in clip] == [0] * 10 + [1] * 10


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "first", "cuts"),
    [
        ("motorbike-road.mp4", 0, [64]),
        ("highway.mp4", 0, []),
        ("car-detection.mp4", 280, []),  # it ends with a white car that closes the iris
        ("bottle-detection.mp4", 460, []),  # an empty table, then a hand
    ],
)
def test_real_clips_are_cut_where_they_are_and_lose_no_sharp_frame(data, name, first, cuts):
    sampler, found, latest = Sampler(2), [], 0
    with Clip(data / "videos" / name) as clip:
        for frame in itertools.islice(clip, first, first + 100):
            segment = sampler.judge(frame).segment
            if segment != latest:
                found.append(frame.index)
            latest = segment
    assert found == cuts
    assert not sampler.dropped[BLURRED]
