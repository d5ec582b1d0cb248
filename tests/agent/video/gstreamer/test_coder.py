"""What an encoder of GStreamer's makes, seen in the files that it ends in."""

import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from recording import INFO, grey, grey_nv12, number_of, numbered
from worlds import until

from agent.errors import OutputError
from agent.frames.frame import Colour
from agent.video.encoder import VideoEncoder
from agent.video.encoding_sink import EncodingSink
from agent.video.file_output import FileOutput
from agent.video.gstreamer.coder import GstCoder
from agent.video.gstreamer.encoder_chain import encoder_chains
from agent.video.gstreamer.library import gst
from agent.video.gstreamer.parameter_sets import divided

SOFTWARE = encoder_chains("h264")[-1]


def written(path, frames, info=INFO, gop_s=None, chain=SOFTWARE):
    output = FileOutput(path)
    clock = output.clock(info)
    rate = info.frame_rate or Fraction(25)
    coder = GstCoder(chain, clock.time_base, rate, info.sample_aspect_ratio, 23)
    encoder = VideoEncoder(info, codec=chain.codec, clock=clock, gop_s=gop_s, coder=coder)
    with EncodingSink(encoder, output) as sink:
        for frame in frames:
            sink.write(frame)
        sink.finish()
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return list(container.decode(stream)), stream


@pytest.mark.parametrize(
    "times", [range(40), [0, 1, 5, 6, 20, 21, 22, 90, 300, 777], range(35, 47), range(-5, 7)]
)
def test_every_picture_comes_once_at_its_own_time(tmp_path, times):
    frames = [numbered(number, pts) for number, pts in enumerate(times)]
    pictures, _ = written(tmp_path / "out.mp4", frames)
    shift = max(0, -times[0])
    shown = [number_of(picture.to_ndarray(format="gray")) for picture in pictures]
    assert shown == list(range(len(frames)))
    assert [p.pts * p.time_base for p in pictures] == [Fraction(t + shift, 25) for t in times]


def test_groups_begin_when_they_are_told_to(tmp_path):
    frames = [numbered(number % 64, number) for number in range(70)]
    pictures, _ = written(tmp_path / "out.mp4", frames, gop_s=0.8)
    assert [at for at, picture in enumerate(pictures) if picture.key_frame] == [0, 20, 40, 60]


@pytest.mark.parametrize("size", [(96, 64), (98, 66), (97, 65), (640, 360)])
@pytest.mark.parametrize("make", [grey, grey_nv12])
def test_pictures_of_any_size_and_layout_keep_their_pixels(tmp_path, size, make):
    info = replace(INFO, width=size[0], height=size[1])
    frames = [make(pts, size, 60 + 10 * pts, info) for pts in range(5)]
    pictures, _ = written(tmp_path / "out.mp4", frames, info)
    for at, picture in enumerate(pictures):
        luma = picture.to_ndarray(format="yuv420p")[: picture.height]
        assert np.abs(luma.astype(int) - 60 - 10 * at).max() <= 3
        assert (picture.width, picture.height) == tuple(side + side % 2 for side in size)


def test_what_pictures_mean_is_said(tmp_path):
    colour = Colour("bt709", full_range=True, primaries=1, transfer=1)
    info = replace(
        INFO, colour=colour, matrix_code=1, sample_aspect_ratio=Fraction(4, 3), frame_rate=None
    )
    frames = [replace_colour(grey(pts), colour) for pts in range(3)]
    pictures, stream = written(tmp_path / "out.mp4", frames, info)
    first = pictures[0]
    tags = first.colorspace, first.color_range, first.color_primaries, first.color_trc
    assert tags == (1, 2, 1, 1)
    assert stream.sample_aspect_ratio == Fraction(4, 3)


def replace_colour(frame, colour):
    object.__setattr__(frame, "colour", colour)
    return frame


def test_one_picture_is_a_file(tmp_path):
    pictures, _ = written(tmp_path / "out.mp4", [grey(0)])
    assert len(pictures) == 1


def test_packets_hold_no_parameter_sets():
    coder = GstCoder(SOFTWARE, INFO.time_base, Fraction(25), Fraction(1), 23)
    encoder = VideoEncoder(INFO, coder=coder, gop_s=0.2)
    packets = [p for n in range(20) for p in encoder.encode(grey(n))] + encoder.flush()
    encoder.close()
    assert len(packets) == 20
    sets, rest = divided(encoder.stream.extradata, "h264")
    assert [unit[0] & 31 for unit in sets.split(b"\0\0\0\1")[1:]] == [7, 8]
    assert rest == b""
    for packet in packets:
        assert divided(bytes(packet.data), "h264")[0] == b""
        assert packet.dts == packet.pts


def test_runs_that_are_broken_off_leave_nothing_at_work(tmp_path):
    def held():
        threads = len(list(Path("/proc/self/task").iterdir())), threading.active_count()
        return (*threads, len(list(Path("/proc/self/fd").iterdir())))

    def broken_off():
        output = FileOutput(tmp_path / "out.mp4")
        coder = GstCoder(SOFTWARE, Fraction(1, 25), Fraction(25), Fraction(1), 23)
        encoder = VideoEncoder(INFO, clock=output.clock(INFO), coder=coder)
        with EncodingSink(encoder, output) as sink:
            for pts in range(5):
                sink.write(grey(pts))
        return encoder

    for _ in range(3):  # GStreamer keeps threads for its next pipeline
        encoder = broken_off()
    before = held()
    for _ in range(5):
        encoder = broken_off()
    until(lambda: all(now <= then + 1 for now, then in zip(held(), before, strict=True)))
    with pytest.raises(OutputError, match="was closed"):
        encoder.encode(grey(9))
    assert list(tmp_path.iterdir()) == []


def test_hardware_comes_first_and_software_last():
    for codec in ("h264", "hevc"):
        order = [chain.in_hardware for chain in encoder_chains(codec)]
        assert order == [True, True, False]


def test_what_an_element_lacks_is_left_out(tmp_path):
    """Each knows some of the settings of all; one that nobody knows is no fault."""
    element = gst().ElementFactory.make("x264enc")
    known = [name for name in SOFTWARE.settings(23) if element.find_property(name)]
    assert set(known) >= {"pass", "quantizer", "bframes", "tune", "key-int-max"}
    assert len(known) < len(SOFTWARE.settings(23))
    pictures, _ = written(tmp_path / "out.mp4", [grey(0)])
    assert pictures


@pytest.mark.parametrize(
    ("codec", "kinds", "sets", "rest"),
    [
        ("h264", [9, 7, 8, 6, 5], 2, 2),
        ("h264", [1], 0, 1),
        ("hevc", [35, 32, 33, 34, 19], 3, 1),
    ],
)
def test_sets_are_told_from_pictures(codec, kinds, sets, rest):
    heads = [bytes([kind]) if codec == "h264" else bytes([kind << 1, 1]) for kind in kinds]
    data = b"".join(b"\0\0\1" + head + b"\x80" for head in heads)
    found = divided(data, codec)
    assert [part.count(b"\0\0\0\1") for part in found] == [sets, rest]
    assert divided(b"", codec) == (b"", b"")
