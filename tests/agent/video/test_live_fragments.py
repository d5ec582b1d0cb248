"""Fragments of a live stream, read back from any key on by libav."""

import io
import struct
from dataclasses import replace
from fractions import Fraction

import av
import pytest
from coded import STREAM
from recording import INFO, number_of, numbered

from agent.frames.encoded import _SEAL
from agent.video.encoder import VideoEncoder
from agent.video.fragments import whole_bytes
from agent.video.live_fragments import LiveFragments

CAMERA = replace(
    INFO, width=320, height=192, frame_rate=Fraction(30), time_base=Fraction(1, 90_000)
)
HOURS_12 = 12 * 3600 * 90_000
TIMES = [HOURS_12 + n * 3000 + (n % 3) * 401 for n in range(20)]  # as cameras have them
KEYS = (0, 7, 13)


@pytest.fixture(scope="module")
def live():
    """A stream with its packets."""
    asked = iter(range(len(TIMES)))
    encoder = VideoEncoder(CAMERA, wants_key=lambda: next(asked) in KEYS, preset="ultrafast")
    packets = [
        packet
        for number, pts in enumerate(TIMES)
        for packet in encoder.encode(numbered(number, pts, CAMERA))
    ]
    return encoder.stream, packets


def fragments_of(live, first=0):
    stream, packets = live
    fragments = LiveFragments(stream)
    made = [fragments.add(packet) for packet in packets[first:]]
    assert made[0] is None
    return fragments.start(), made[1:]


def read(film):
    """Each picture's number, time and duration in ticks of 90 kHz, and whether it is a key."""
    with av.open(io.BytesIO(film)) as container:
        (stream,) = container.streams
        packets = [
            (packet.pts, packet.duration, packet.is_keyframe)
            for packet in container.demux()
            if packet.size
        ]
        container.seek(0)
        shown = [number_of(frame.to_ndarray()[: frame.height]) for frame in container.decode()]
    assert stream.time_base == Fraction(1, 90_000)
    assert stream.codec_context.extradata
    return list(zip(shown, *zip(*packets, strict=True), strict=True))


@pytest.mark.parametrize("key", KEYS)
def test_a_film_can_begin_at_any_key_and_keeps_all_times(live, key):
    start, made = fragments_of(live, key)
    expected = [
        (number, TIMES[number], TIMES[number + 1] - TIMES[number], number in KEYS)
        for number in range(key, len(TIMES) - 1)
    ]
    assert read(start + b"".join(each.data for each in made)) == expected
    assert [each.packet for each in made] == live[1][key:-1]


def test_each_fragment_is_one_picture_and_whole(live):
    start, made = fragments_of(live)
    for each in made:
        film = io.BytesIO(start + each.data)
        assert whole_bytes(film, len(film.getvalue())) == len(film.getvalue())
        assert each.data.count(b"moof") == each.data.count(b"mdat") == 1
        (length,) = struct.unpack(">I", each.data[:4])
        (flags,) = struct.unpack(">I", each.data[length - 4 : length])
        assert flags == (0x2000000 if each.packet.is_key else 0x1010000)  # libav looks for itself


def test_a_viewer_that_lost_pictures_goes_on_at_the_next_key(live):
    stream, packets = live
    fragments = LiveFragments(stream)
    made = [fragments.add(packet) for packet in [*packets[:3], *packets[13:16]]]
    film = fragments.start() + b"".join(each.data for each in made[1:])
    assert [(number, duration) for number, _, duration, _ in read(film)][1:4] == [
        (1, TIMES[2] - TIMES[1]),
        (2, TIMES[13] - TIMES[2]),
        (13, TIMES[14] - TIMES[13]),
    ]


def test_the_last_picture_is_released_and_a_key_must_follow(live):
    stream, packets = live
    fragments = LiveFragments(stream)
    made = [fragments.add(packet) for packet in packets[:3]]
    made.append(fragments.release())
    assert made[-1].packet is packets[2]
    assert fragments.release() is None
    key = KEYS[1]
    assert [fragments.add(packet) for packet in packets[3 : key + 1]] == [None] * (key - 2)
    made.append(fragments.add(packets[key + 1]))
    film = fragments.start() + b"".join(each.data for each in made[1:])
    shown = [(number, is_key) for number, _, _, is_key in read(film)]
    assert shown == [(0, True), (1, False), (2, False), (key, True)]


def test_what_shows_what_the_camera_saw_is_refused():
    with pytest.raises(TypeError, match="not redacted"):
        LiveFragments(replace(STREAM, seal=_SEAL, annotated=True))
    with pytest.raises(ValueError, match="not of hevc"):
        LiveFragments(replace(STREAM, seal=_SEAL, codec="hevc"))
