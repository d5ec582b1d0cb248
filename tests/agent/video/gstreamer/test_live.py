"""A camera over RTSP, read by FFmpeg and decoded by GStreamer."""

from itertools import pairwise

import pytest
from camera import Camera, number_of
from plain_camera import PlainCamera
from worlds import Thing, World, linear

from agent.errors import InputError
from agent.video.decoders import Decoders
from agent.video.live_source import LiveSource

pytestmark = pytest.mark.slow

GSTREAMER = Decoders("gstreamer")


@pytest.fixture
def camera():
    with Camera() as camera:
        yield camera


def opened(camera, stall_s=30):
    return LiveSource(
        camera.url(), name="door", open_timeout_s=30, stall_s=stall_s, decoders=GSTREAMER
    )


def numbers(frames):
    return [number_of(frame.planes[0]) for frame in frames]


def taken(source, count):
    return [next(source) for _ in range(count)]


def test_every_picture_comes_once_in_order_and_a_new_size_is_another_stretch(camera):
    source = opened(camera)
    assert source.info.decoder == "gstreamer (avdec_h264 ! videoconvert)"
    assert (source.info.width, source.info.height, source.info.frame_rate) == (320, 240, 25)
    before = taken(source, 40)
    camera.resize((160, 128))
    before += list(source)
    after = source.successor()
    assert (after.info.width, after.info.height) == (160, 128)
    frames = taken(after, 20)
    after.close()
    assert {frame.size for frame in before} == {(320, 240)}
    assert {frame.size for frame in frames} == {(160, 128)}
    shown = numbers(before + frames)
    assert shown == list(range(shown[0], shown[0] + len(shown)))
    assert all(one.pts < other.pts for one, other in pairwise(before + frames))
    assert source.damaged == after.damaged == 0


def test_a_camera_that_dies_is_the_same_fault_and_no_picture_is_lost(camera):
    source = opened(camera)
    before = taken(source, 20)
    camera.kill()
    left = []
    with pytest.raises(InputError) as caught:
        left.extend(source)
    assert str(caught.value) == "door: ended the stream"
    shown = numbers(before + left)
    assert shown == list(range(shown[0], shown[0] + len(shown)))
    source.close()
    with pytest.raises(StopIteration):
        next(source)


def test_a_clock_that_jumps_opens_a_scene(camera):
    source = opened(camera)
    frames = taken(source, 30)
    camera.lie(3600)
    frames += taken(source, 60)
    source.close()
    assert [frame.opens_scene for frame in frames].count(True) == 1
    assert all(one.pts < other.pts for one, other in pairwise(frames))
    assert source.repairs.jumps == 1


@pytest.mark.parametrize("decoders", [None, GSTREAMER], ids=["pyav", "gstreamer"])
def test_of_a_camera_that_goes_away_within_a_picture_no_guess_is_shown(tmp_path, decoders):
    world = World(Thing(linear(8, 8, dx=2, dy=1)), frames=40)
    clip = world.write(tmp_path / "clip.ts")
    with PlainCamera(clip, lambda number, of: number == of - 1, pictures=30) as camera:
        source = LiveSource(
            camera.url, name="door", open_timeout_s=30, stall_s=30, decoders=decoders
        )
        shown = []
        with pytest.raises(InputError, match=r"^door: ended the stream$"):
            shown.extend(source)
        source.close()
    assert len(shown) == 29
    for at, frame in enumerate(shown):
        assert (frame.planes[0] == world.luma(at)).all()
        assert not frame.suspect
    assert source.damaged == 1
