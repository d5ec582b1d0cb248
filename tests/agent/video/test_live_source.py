"""A camera over RTSP: a real server that dies, freezes, refuses, lies and changes its mind."""

import operator
import threading
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from camera import Camera, number_of

from agent.errors import InputError, RefusedError
from agent.video.live_source import LiveSource

pytestmark = pytest.mark.slow

PATIENCE_S = 30


@pytest.fixture(scope="module")
def camera():
    with Camera("door", "yard") as camera:
        yield camera


@pytest.fixture
def mortal():
    """One that nobody else looks at."""
    with Camera() as camera:
        yield camera


def opened(url, stall_s=PATIENCE_S, open_timeout_s=PATIENCE_S):
    return LiveSource(url, name="door", open_timeout_s=open_timeout_s, stall_s=stall_s)


def taken(source, count):
    return [next(source) for _ in range(count)]


def numbers(frames):
    return [number_of(frame.planes[0]) for frame in frames]


def fault_of(source):
    """What is still given, why it ended, and after how many seconds."""
    began_s, left = time.monotonic(), []
    with pytest.raises(InputError) as caught:
        left.extend(source)
    return left, str(caught.value), time.monotonic() - began_s


def rises(frames):
    times = [frame.pts for frame in frames]
    return all(a < b for a, b in pairwise(times))


def test_it_gives_every_picture_once_in_order_with_times_that_rise(camera):
    source = opened(camera.url("door"))
    assert (source.info.width, source.info.height) == (320, 240)
    assert source.info.frame_rate == 25
    assert (source.info.codec, source.info.frames, source.info.duration_s) == ("h264", None, None)
    frames = taken(source, 60)
    source.close()
    first = numbers(frames)[0]
    assert numbers(frames) == list(range(first, first + 60))
    assert [frame.index for frame in frames] == list(range(60))
    assert rises(frames)
    assert not any(frame.opens_scene for frame in frames)
    assert 1.5 < float((frames[-1].pts - frames[0].pts) * frames[0].time_base) < 4
    assert source.damaged == source.resized == 0
    with pytest.raises(StopIteration):
        next(source)


def test_several_look_at_one_camera(camera):
    first, second = opened(camera.url("yard")), opened(camera.url("yard"))
    assert set(numbers(taken(first, 120))) & set(numbers(taken(second, 40)))
    first.close()
    second.close()


def test_a_server_that_dies_is_a_fault_at_once(mortal):
    source, witness = opened(mortal.url()), opened(mortal.url())
    before = taken(source, 20)
    arrived = numbers(taken(witness, 40))[-1]
    mortal.kill()
    left, fault, took_s = fault_of(source)
    assert took_s < PATIENCE_S
    assert fault == "door: ended the stream"
    assert source.successor() is None
    shown = numbers(before + left)
    assert shown == list(range(shown[0], shown[0] + len(shown)))
    assert shown[-1] >= arrived - 1  # each is sent to one after the other
    source.close()
    witness.close()


def test_a_server_that_freezes_is_a_fault_within_its_time_and_no_frame_is_lost(mortal):
    source = opened(mortal.url(), stall_s=8)
    before = taken(source, 20)
    mortal.freeze()
    left, fault, took_s = fault_of(source)
    assert fault == "door: sent nothing for 8 s"
    assert 8 <= took_s < 16  # libav alone would take twice as long
    shown = numbers(before + left)
    assert shown == list(range(shown[0], shown[0] + len(shown)))
    source.close()


def test_a_pause_that_is_short_enough_is_none(mortal):
    source = opened(mortal.url())
    before = taken(source, 20)
    mortal.freeze()
    waking = threading.Timer(0.5, mortal.thaw)
    waking.start()
    after = taken(source, 30)
    waking.join()
    source.close()
    shown = numbers(before + after)
    assert shown == list(range(shown[0], shown[0] + 50))


def test_nobody_is_there(mortal):
    url = mortal.url()
    mortal.kill()
    with pytest.raises(InputError) as caught:
        opened(url)
    assert str(caught.value) == "door: can't be reached (Connection refused)"


def test_a_server_that_answers_nothing_is_left_in_time(mortal):
    mortal.freeze()
    began_s = time.monotonic()
    with pytest.raises(InputError, match=r"^door: can't be reached"):
        opened(mortal.url(), open_timeout_s=1)
    assert time.monotonic() - began_s < PATIENCE_S


def test_a_path_that_is_none(camera):
    with pytest.raises(RefusedError) as caught:
        opened(camera.url("cellar"))
    assert str(caught.value) == (
        "door: has no such path (404); correct the address, or start what sends there"
    )


@pytest.mark.parametrize("by_s", [3600, -3600, 20])
def test_a_clock_that_jumps_opens_a_scene_and_times_go_on(mortal, by_s):
    source = opened(mortal.url())
    frames = taken(source, 30)
    at = mortal.lie(by_s)
    frames += taken(source, 60)
    source.close()
    assert rises(frames)
    shown = numbers(frames)
    assert shown == list(range(shown[0], shown[0] + 90))
    opening = [number for number, frame in zip(shown, frames, strict=True) if frame.opens_scene]
    assert len(opening) == 1
    assert at - 25 <= opening[0] <= at  # what was drawn before was sent after, on a busy machine
    assert float((frames[-1].pts - frames[0].pts) * frames[0].time_base) < 60
    assert source.repairs.jumps == 1


def test_a_clock_that_jumps_by_less_is_believed(mortal):
    source = opened(mortal.url())
    frames = taken(source, 30)
    mortal.lie(3)
    frames += taken(source, 60)
    source.close()
    assert rises(frames)
    assert not any(frame.opens_scene for frame in frames)
    assert 5 < float((frames[-1].pts - frames[0].pts) * frames[0].time_base) < 60


def test_pictures_of_another_size_are_its_successor_s_and_none_is_lost(mortal):
    source = opened(mortal.url())
    before = taken(source, 30)
    mortal.resize((160, 128))
    before += list(source)
    after = source.successor()
    assert source.successor() is None
    assert (after.info.width, after.info.height) == (160, 128)
    source.close()  # which leaves the connection to who has it now
    frames = taken(after, 30)
    assert [frame.index for frame in frames] == list(range(30))
    assert {frame.size for frame in before} == {(320, 240)}
    assert {frame.size for frame in frames} == {(160, 128)}
    shown = numbers(before + frames)
    assert shown == list(range(shown[0], shown[0] + len(shown)))
    assert rises(before + frames)
    assert source.resized == after.resized == 0
    mortal.resize((320, 240))
    list(after)
    third = after.successor()
    assert (third.info.width, third.info.height) == (320, 240)
    third.close()


def test_a_source_that_was_closed_has_no_successor(mortal):
    source = opened(mortal.url())
    taken(source, 5)
    mortal.resize((160, 128))
    list(source)
    source.close()
    assert source.successor() is None


def test_closing_under_a_read_ends_the_read_s_thread_when_it_comes_back(mortal):
    source = opened(mortal.url(), stall_s=3)
    taken(source, 5)
    mortal.freeze()

    def read():
        with suppress(InputError):
            list(source)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    time.sleep(0.5)
    source.close()
    reader.join(30)
    assert not reader.is_alive()


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_opening_it_again_and_again_leaves_nothing_behind():
    """Though all of them are still held, so that nothing but `close` can have closed them."""
    with Camera("door", "yard", size=(160, 128), rate=100, keyframes=10) as quick:
        held = [opened(quick.url("door"))]  # the first, so that libav has what it keeps
        held[0].close()
        before = descriptors(), threading.active_count()
        for i in range(30):
            held.append(opened(quick.url("door" if i % 2 else "yard")))
            taken(held[-1], 2)
            held[-1].close()
        for _ in range(5):
            with pytest.raises(InputError):
                opened(quick.url("cellar"))
        after = descriptors(), threading.active_count()
        assert all(map(operator.le, after, before))  # of earlier tests something may have ended
