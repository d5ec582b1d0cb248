"""What an encoder makes of a live stream: each picture at once, and keys where they are wanted."""

import re
from dataclasses import replace
from fractions import Fraction

import av
import pytest
from av.bitstream import BitStreamFilterContext
from av.codec.context import CodecContext
from av.packet import Packet
from coded import STREAM
from recording import INFO, grey, number_of, numbered

from agent.frames.encoded import _SEAL
from agent.video.codec_string import codec_string, in_band
from agent.video.encoder import LIVE_CRF, LIVE_PRESET, VideoEncoder
from agent.video.fanout import Fanout, Shown, Started

CAMERA = replace(INFO, width=320, height=192, frame_rate=Fraction(30))


def live(wants_key=lambda: False, info=CAMERA, **settings):
    settings = {"crf": LIVE_CRF, "preset": LIVE_PRESET, **settings}
    return VideoEncoder(info, wants_key=wants_key, **settings)


def encoded(encoder, pictures, info=CAMERA, first=0):
    """One packet of each picture: none is held, none is made of another."""
    packets = []
    for n in range(first, first + pictures):
        (packet,) = encoder.encode(numbered(n, n, info))
        packets.append(packet)
    assert encoder.flush() == []
    return packets


def seen(units):
    """The number of each picture, decoded by itself from NAL units alone, none held."""
    decoder = CodecContext.create("h264", "r")
    decoder.thread_count = 1
    numbers = []
    for unit in units:
        (frame,) = decoder.decode(Packet(bytes(unit)))
        numbers.append(number_of(frame.to_ndarray()[: frame.height]))
    return numbers


@pytest.mark.parametrize(
    ("codec", "preset"), [("h264", "ultrafast"), ("h264", "veryfast"), ("hevc", "ultrafast")]
)
def test_each_picture_comes_out_when_it_went_in(codec, preset):
    packets = encoded(live(codec=codec, preset=preset), 40)
    assert [packet.pts for packet in packets] == list(range(40))
    assert [packet.dts for packet in packets] == list(range(40))
    assert packets[0].is_key
    assert {packet.duration for packet in packets} == {0}


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_keys_are_where_they_are_wanted(codec):
    asked = iter(range(40))
    packets = encoded(live(lambda: next(asked) in {7, 20, 21}, codec=codec), 40)
    assert [packet.pts for packet in packets if packet.is_key] == [0, 7, 20, 21]


def test_decoding_can_begin_at_each_key_and_holds_no_picture():
    asked = iter(range(20))
    encoder = live(lambda: next(asked) in {7, 12})
    units = [in_band(packet, encoder.stream) for packet in encoded(encoder, 20)]
    for key in (0, 7, 12):
        assert seen(units[key:]) == list(range(key, 20))


def test_a_recording_beside_it_has_its_keys_all_the_same():
    packets = encoded(live(gop_s=0.4), 30)  # at 25 ticks a second
    assert [packet.pts for packet in packets if packet.is_key] == [0, 10, 20]


def test_without_anyone_who_asks_there_is_a_key_every_ten_seconds():
    info = replace(INFO, frame_rate=Fraction(20))
    packets = encoded(live(info=info), 401, info)
    assert [packet.pts for packet in packets if packet.is_key] == [0, 200, 400]


@pytest.mark.parametrize("preset", ["ultrafast", "superfast", "veryfast"])
def test_the_parameter_sets_say_that_no_picture_waits_for_another(preset):
    """Browsers' decoders hold up to 16 pictures of a stream that doesn't."""
    encoder = live(preset=preset)
    encoder.encode(grey(info=CAMERA, size=(320, 192)))
    told = traced(encoder.stream.extradata)
    assert told["max_num_reorder_frames"] == 0
    assert told["pic_order_cnt_type"] == 2


def traced(sets):
    """The values of parameter sets by name, as libav reads them."""
    av.logging.set_level(av.logging.INFO)
    try:
        with av.logging.Capture() as lines:
            list(BitStreamFilterContext("trace_headers", "h264").filter(Packet(sets)))
    finally:
        av.logging.set_level(None)
    text = "\n".join(line for _, _, line in lines)
    return {name: int(value) for name, value in re.findall(r" (\w+) +[01]+ = (-?\d+)", text)}


def test_viewers_go_on_when_a_stream_of_another_size_begins():
    fanout = Fanout()
    viewer = fanout.viewer(lambda: None)
    larger = replace(CAMERA, width=640, height=384)
    for info in (CAMERA, larger):
        encoder = live(fanout.wants_key, info)
        packets = encoded(encoder, 3, info)
        fanout.start(encoder.stream)
        for packet in packets:
            fanout.write(packet)
        fanout.finish()
    items = list(iter(viewer.take, None))
    starts = [item.stream for item in items if isinstance(item, Started)]
    assert [(stream.width, stream.height) for stream in starts] == [(320, 192), (640, 384)]
    shown = [item for item in items if isinstance(item, Shown)]
    assert [item.packet.is_key for item in shown] == [True, False, False] * 2
    assert seen(in_band(item.packet, item.stream) for item in shown) == [0, 1, 2] * 2


@pytest.mark.parametrize(
    ("preset", "name"), [("ultrafast", "avc1.42C00D"), ("veryfast", "avc1.64000D")]
)
def test_a_stream_is_called_what_its_parameter_sets_say(preset, name):
    encoder = live(preset=preset)
    encoder.encode(grey(info=CAMERA, size=(320, 192)))
    assert codec_string(encoder.stream) == name


@pytest.mark.parametrize("of", [{"codec": "hevc"}, {"extradata": b""}])
def test_what_has_no_such_name_is_refused(of):
    with pytest.raises(ValueError, match=r"no H\.264"):
        codec_string(replace(STREAM, seal=_SEAL, **of))
