"""Frame numbers of real encoders, of which a picture is left out."""

import re
from fractions import Fraction

import av
import pytest
from av.video.frame import VideoFrame
from worlds import Thing, World, linear

from agent.video.frame_numbers import FrameNumbers

WORLD = World(Thing(linear(4, 30, 1), luma=200), frames=60)
PARAMETERS = {
    "plain": "",
    "no B": "bframes=0",
    "pyramid": "bframes=3:b-pyramid=normal:ref=4",
    "interlaced": "tff=1",
    "slices": "slices=4",
    "scaling lists": "cqm=jvt",
    "refreshed by and by": "intra-refresh=1",
    "open groups": "open-gop=1:keyint=20",
    "one group": "keyint=infinite:scenecut=0",
    "delimiters": "aud=1:nal-hrd=vbr:vbv-maxrate=500:vbv-bufsize=500",
}


def coded(parameters, pixel_format="yuv420p"):
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height = WORLD.size
    context.pix_fmt, context.time_base, context.framerate = pixel_format, Fraction(1, 25), 25
    context.options, context.thread_count = {"x264-params": parameters}, 1
    packets = []
    for i in range(WORLD.frames):
        picture = VideoFrame.from_ndarray(WORLD.luma(i), "gray").reformat(format=pixel_format)
        picture.pts = i
        packets += context.encode(picture)
    return [bytes(packet) for packet in (*packets, *context.encode(None))]


def is_built_on(data):
    """Of a picture that is no key; None of a key."""
    headers = (found[1][0] for found in re.finditer(rb"\x00\x00\x01(.)", data, re.DOTALL))
    slice_ = next(header for header in headers if header & 31 in (1, 5))
    return None if slice_ & 31 == 5 else bool(slice_ >> 5)


def gaps(packets, parameters=b""):
    numbers = FrameNumbers(parameters)
    return [i for i, data in enumerate(packets) if numbers.missing_before(data)]


@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS.keys())
def test_each_picture_that_others_build_on_is_missed_and_no_other(parameters):
    packets = coded(parameters)
    assert gaps(packets) == []
    built_on = [is_built_on(data) for data in packets]
    for lost in range(1, len(packets) - 1):
        left = packets[:lost] + packets[lost + 1 :]
        found = gaps(left)
        if built_on[lost] is False or built_on[lost + 1] is None:
            assert found == []
        else:
            assert found[0] == lost
            assert len(found) == 1 or not built_on[lost + 1]


def test_with_each_plane_by_itself_and_scaling_lists_of_all_of_them():
    packets = coded("cqm=jvt:bframes=0", "yuv444p")
    assert gaps(packets) == []
    del packets[30]
    assert gaps(packets) == [30]


def test_parameters_may_be_told_with_the_stream():
    packets = coded("bframes=0")
    sets, bare = packets[0], [packets[0][packets[0].rindex(b"\0\0\1") :], *packets[1:]]
    del bare[10]
    assert gaps(bare) == []  # nobody knows how long numbers are
    assert gaps(bare, sets) == [10]


@pytest.mark.parametrize("group", [15, 16, 18, 20, 25])
def test_so_is_a_key_behind_any_group(group):
    packets = coded(f"bframes=0:scenecut=0:keyint={group}")
    assert is_built_on(packets.pop(group)) is None
    assert gaps(packets) == [group]


def test_but_not_where_that_has_one_more_than_numbers_wrap_by():
    """As is said where it is built."""
    packets = coded("bframes=0:scenecut=0:keyint=17")
    assert is_built_on(packets.pop(17)) is None
    assert gaps(packets) == []


@pytest.mark.parametrize("lost", [2, 14, 15])
def test_so_are_many_at_once(lost):
    packets = coded("bframes=0:keyint=infinite:scenecut=0")
    del packets[20 : 20 + lost]
    assert gaps(packets) == [20]


def test_as_many_as_numbers_wrap_by_are_not():
    """Likewise."""
    packets = coded("bframes=0:keyint=infinite:scenecut=0")
    del packets[20:36]
    assert gaps(packets) == []


def test_of_sequences_that_are_unlike_each_other_nothing_is_told():
    """Each picture would be read by the wrong one."""
    packets = coded("bframes=0")
    other = coded("bframes=0:sps-id=1:keyint=infinite:ref=16:b-pyramid=none:tff=1")[0]
    numbers = FrameNumbers(other)
    del packets[10]
    assert not any(map(numbers.missing_before, packets))


def test_no_bytes_are_more_than_it_can_bear():
    packets = coded("cqm=jvt")
    sets = packets[0]
    for end in range(0, len(sets), 3):
        FrameNumbers(sets[:end]).missing_before(packets[1])
    for at in range(min(len(sets), 400)):
        spoilt = sets[:at] + bytes([sets[at] ^ 0xFF]) + sets[at + 1 :]
        FrameNumbers(spoilt).missing_before(packets[1])
