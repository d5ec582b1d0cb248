"""Coded pictures that are pushed, as a browser pushes them: decoded, timed, dropped, refused."""

import threading
from itertools import islice

import numpy as np
import pytest
from pushes import STEP_US, Told, pushes, without_sets
from worlds import HandClock, Thing, World, linear, until

from agent.errors import InputError
from agent.video.pushed import PushedSource
from agent.video.pushed_packets import LEAST_STEP_US, PushedPackets

WORLD = World(Thing(linear(10, 8, 2), luma=200), frames=24)


class Pushing:
    """A camera that pushes, and the source that it is."""

    def __init__(self, codec="h264"):
        self.clock, self.told, self.given = HandClock(), Told(), []
        self.packets = PushedPackets(codec, self.told, now=self.clock)
        self._number = 0

    def push(self, coded, at_us=None):
        """Hand in, at the times that they have or from another on; their numbers."""
        first = self._number + 1
        for time_us, data in coded:
            self._number += 1
            moved = time_us if at_us is None else at_us + time_us - coded[0][0]
            self.packets.push(self._number, moved, data)
        return list(range(first, self._number + 1))

    def source(self):
        return PushedSource(self.packets, lambda *given: self.given.append(given))


@pytest.fixture(scope="module")
def coded():
    return pushes(WORLD, group=12)


@pytest.mark.parametrize("codec", ["h264", "vp8"])
def test_each_picture_comes_out_once_in_order_at_its_own_time(codec):
    camera = Pushing(codec)
    numbers = camera.push(pushes(WORLD, codec))
    source = camera.source()
    frames = list(islice(source, len(numbers)))
    assert source.info.codec == codec
    assert (source.info.width, source.info.height) == WORLD.size
    assert [frame.index for frame in frames] == list(range(len(numbers)))
    assert [frame.pts for frame in frames] == [LEAST_STEP_US + i * STEP_US for i in range(24)]
    assert camera.given == [(n, frame.pts) for n, frame in zip(numbers, frames, strict=True)]
    assert not any(frame.suspect or frame.opens_scene for frame in frames)
    for i, frame in enumerate(frames):
        assert np.abs(frame.planes[0].astype(int) - WORLD.luma(i)).mean() < 6


def test_a_number_is_taken_once_what_came_of_it_was_handed_on(coded):
    camera = Pushing()
    camera.push(coded[:3])
    source = camera.source()
    assert camera.told.taken_numbers == []
    next(source), next(source)
    assert camera.told.taken_numbers == [1]
    next(source)
    assert camera.told.taken_numbers == [1, 2]


def test_what_comes_before_a_key_is_dropped_and_a_key_is_asked_for_once_a_second(coded):
    camera = Pushing()
    camera.push(coded[5:8])
    assert camera.told.dropped_numbers == {1: "no key", 2: "no key", 3: "no key"}
    assert camera.told.keys == 0  # it was asked for when it was let in
    camera.clock.turn(1.1)
    camera.push(coded[8:12])
    assert camera.told.keys == 1
    camera.push(coded[12:])
    assert len(list(islice(camera.source(), 12))) == 12
    assert sorted(camera.told.dropped_numbers) == list(range(1, 8))


def test_what_waits_too_long_goes_up_to_the_next_key_which_is_asked_for(coded):
    camera = Pushing()
    camera.push(coded[:6])
    camera.clock.turn(0.6)
    camera.push(coded[6:12])
    assert camera.told.keys == 1
    whys = camera.told.dropped_numbers
    assert [whys[n] for n in range(1, 13)] == ["overload"] * 7 + ["no key"] * 5
    camera.push(coded[12:])
    frame = next(camera.source())
    assert camera.given == [(13, frame.pts)]


def test_a_key_wins_over_what_waited_too_long(coded):
    camera = Pushing()
    camera.push(coded[:6])
    camera.clock.turn(0.6)
    camera.push(coded[12:])
    assert camera.told.keys == 0
    assert sorted(camera.told.dropped_numbers) == [1, 2, 3, 4, 5, 6]
    assert len(list(islice(camera.source(), 12))) == 12


def test_what_waits_is_bounded_in_bytes(coded):
    camera = Pushing()
    (time_us, key), large = coded[0], b"\0" * (1 << 20)
    camera.push([(time_us, key), *((time_us + i, coded[1][1] + large) for i in range(1, 6))])
    assert camera.told.dropped_numbers == dict.fromkeys([1, 2, 3, 4, 5], "overload") | {6: "no key"}
    assert camera.told.keys == 1


def test_skipping_to_a_key_drops_what_waits(coded):
    camera = Pushing()
    camera.push(coded[:3])
    camera.packets.skip_to_key("paused")
    camera.push(coded[3:])
    whys = camera.told.dropped_numbers
    assert [whys[n] for n in range(1, 13)] == ["paused"] * 3 + ["no key"] * 9
    assert camera.told.keys == 1


def test_a_key_without_parameter_sets_is_refused_in_words(coded):
    camera = Pushing()
    with pytest.raises(InputError, match=r"without its parameter sets.*annexb"):
        camera.packets.push(1, 0, without_sets(coded[0][1]))


@pytest.mark.parametrize(
    ("codec", "data", "why"),
    [
        ("h264", b"\0\0\0\x0b" + b"\x67" * 40, "no H.264 with start codes"),
        ("h264", b"\x01", "no H.264 with start codes"),
        ("vp8", b"\0", "too short"),
        ("vp8", b"\0" * 40, "start code is missing"),
    ],
)
def test_what_is_no_coded_picture_is_refused_in_words(codec, data, why):
    with pytest.raises(InputError, match=why):
        Pushing(codec).packets.push(1, 0, data)


@pytest.mark.parametrize(
    ("at_us", "opens"),
    [
        (0, True),  # the page was loaded anew
        (3_600_000_000 + 7_000_000, True),  # its clock was set
        (7_000_000 + 11 * STEP_US, False),  # two of one time
        (7_000_000 + 14 * STEP_US, False),  # two are missing
    ],
)
def test_times_rise_whatever_the_camera_says(coded, at_us, opens):
    camera = Pushing()
    camera.push(coded[:12])
    camera.push(coded[12:], at_us)
    frames = list(islice(camera.source(), 24))
    steps_us = np.diff([frame.pts for frame in frames])
    assert steps_us.min() >= LEAST_STEP_US
    assert steps_us.max() <= 4 * STEP_US
    assert [number for number, _ in camera.given] == list(range(1, 25))
    assert [frame.index for frame in frames if frame.opens_scene] == ([12] if opens else [])


def test_pictures_of_another_size_are_a_successors_and_times_go_on(coded):
    larger = World(Thing(linear(10, 8, 2), luma=200), frames=5, size=(208, 128))
    camera = Pushing()
    camera.push(coded[:4])
    camera.push(pushes(larger), coded[4][0])
    source = camera.source()
    frames = list(source)
    following = source.successor()
    later = list(islice(following, 5))
    assert [frame.size for frame in (*frames, *later)] == [(160, 96)] * 4 + [(208, 128)] * 5
    assert later[0].pts == frames[-1].pts + STEP_US
    assert [number for number, _ in camera.given] == list(range(1, 10))


def test_what_a_damaged_picture_led_to_is_suspect_until_a_key_which_is_asked_for(coded):
    camera = Pushing()
    damaged = bytearray(coded[0][1])
    damaged[len(damaged) // 2 :] = bytes(len(damaged) - len(damaged) // 2)
    camera.clock.turn(1.1)  # since a key was asked for last
    camera.push([(coded[0][0], bytes(damaged)), *coded[1:]])
    source, suspect = camera.source(), {}
    while 24 not in suspect:
        frame = next(source)
        suspect[camera.given[-1][0]] = frame.suspect
    assert camera.told.keys == 1
    assert {number for number in suspect if number > 12} == set(range(13, 25))
    assert all(is_so == (number < 13) for number, is_so in suspect.items())


def test_a_picture_that_is_too_large_is_not_decoded():
    camera = Pushing()
    vast = World(frames=1, size=(1952, 1088))
    camera.push(pushes(vast))
    camera.clock.turn(1.1)
    failed = []

    def read():
        try:
            camera.source()
        except InputError as error:
            failed.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    until(lambda: camera.told.keys)
    camera.packets.close()  # which also wakes who waits
    thread.join(30)
    assert len(failed) == 1
    assert camera.told.taken_numbers == [1]


def test_what_is_pushed_after_the_end_is_dropped(coded):
    camera = Pushing()
    camera.packets.close()
    camera.push(coded[:2])
    assert camera.told.dropped_numbers == {1: "closed", 2: "closed"}
