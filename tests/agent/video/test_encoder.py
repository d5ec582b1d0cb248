"""What an encoder makes of redacted pictures, seen in the files that they end in."""

from dataclasses import FrozenInstanceError, replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from recording import INFO, file_sink, grey, grey_nv12, leftovers, whole

from agent.errors import OutputError
from agent.frames.frame import Colour
from agent.video.encoder import VideoEncoder
from agent.video.file_source import FileSource

UNEVEN = (0, 1, 5, 6, 20, 21, 22, 90, 91, 300, 301, 777)  # ticks: a variable frame rate
MICROSECONDS = tuple(123_457 + 33_367 * n + n * n for n in range(12))
NTSC = tuple(1001 * n for n in range(12))


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize(
    ("source_suffix", "timing"),
    [
        pytest.param(".mp4", (range(12), Fraction(1, 25), {"bf": "0"}), id="constant rate"),
        pytest.param(".mp4", (NTSC, Fraction(1, 30000), {}), id="NTSC rate"),
        pytest.param(".mp4", (UNEVEN, Fraction(1, 90), {"bf": "0"}), id="variable rate"),
        pytest.param(".mkv", (UNEVEN, Fraction(1, 1000), {"bf": "3"}), id="variable, B-frames"),
        pytest.param(".mp4", (range(12), Fraction(1, 25), {"bf": "4"}), id="B-frames"),
        pytest.param(".mp4", (range(35, 47), Fraction(1, 25), {"bf": "2"}), id="late start, MP4"),
        pytest.param(".mkv", (range(35, 47), Fraction(1, 25), {"bf": "2"}), id="late start, MKV"),
        pytest.param(".ts", (range(35, 47), Fraction(1, 25), {"bf": "2"}), id="late start, TS"),
        pytest.param(".avi", (range(12), Fraction(1001, 30000), {"bf": "0"}), id="AVI"),
        pytest.param(".nut", (MICROSECONDS, Fraction(1, 1000000), {}), id="microseconds"),
        pytest.param(".mkv", (range(12), Fraction(1, 600), {"crf": "0"}), id="very fast"),
    ],
)
def test_every_frame_comes_once_in_order_at_its_own_time(
    clips, tmp_path, suffix, source_suffix, timing
):
    pts, time_base, options = timing
    source = clips.write(tmp_path / f"in{source_suffix}", pts, time_base, options=options)
    output = tmp_path / f"out{suffix}"
    seen = clips.seconds(clips.through(source, output, crf=8))
    written = clips.frames_of(output)
    assert [clips.number_of(frame.planes[0]) for frame in written] == list(range(12))
    if suffix == ".mkv":  # Matroska counts milliseconds
        seen = [Fraction(round(time * 1000), 1000) for time in seen]
    assert clips.seconds(written) == seen


def test_stream_that_starts_before_zero_loses_nothing(clips, tmp_path):
    with file_sink(tmp_path / "out.mp4", INFO) as sink:
        for pts in range(-5, 7):
            sink.write(grey(pts))
        sink.finish()
    times = clips.seconds(clips.frames_of(tmp_path / "out.mp4"))
    assert times == [Fraction(n, 25) for n in range(12)]


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("length", range(1, 7))
def test_a_clip_may_be_short(clips, tmp_path, codec, suffix, length):
    """x265 makes up decoding times for clips that are shorter than its delay."""
    output = tmp_path / f"out{suffix}"
    with file_sink(output, INFO, codec=codec) as sink:
        for pts in range(length):
            sink.write(grey(50 + pts))
        sink.finish()
    times = clips.seconds(clips.frames_of(output))
    assert times == [Fraction(50 + pts, 25) for pts in range(length)]


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_pictures_survive(clips, clip, tmp_path, codec, suffix):
    output = tmp_path / f"out{suffix}"
    seen = clips.through(clip, output, codec=codec, crf=6)
    with FileSource(output) as source:
        assert source.info.codec == codec
        for before, after in zip(seen, source, strict=True):
            for plane, other in zip(before.planes, after.planes, strict=True):
                error = np.mean((plane.astype(float) - other) ** 2)
                assert 10 * np.log10(255**2 / max(error, 1e-9)) > 38  # dB


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize(
    ("matrix_code", "matrix"), [(1, "bt709"), (6, "bt601"), (9, "bt2020"), (2, "bt601")]
)
@pytest.mark.parametrize("full_range", [False, True])
def test_output_is_tagged_like_the_input(tmp_path, codec, matrix_code, matrix, full_range):
    colour = Colour(matrix, full_range, primaries=9, transfer=16)
    info = replace(INFO, colour=colour, matrix_code=matrix_code, sample_aspect_ratio=Fraction(4, 3))
    with file_sink(tmp_path / "out.mp4", info, codec=codec) as sink:
        sink.write(grey(info=info))
        sink.finish()
    with FileSource(tmp_path / "out.mp4") as source:
        assert source.info.colour == colour
        assert source.info.matrix_code == matrix_code
        assert source.info.sample_aspect_ratio == Fraction(4, 3)
        assert np.abs(next(source).planes[0].astype(int) - 100).max() <= 2  # not rescaled


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("nv12", [False, True])
def test_odd_edge_is_continued_never_cropped(clips, tmp_path, codec, nv12):
    info = replace(INFO, width=95, height=63)
    rows = np.linspace(30, 220, 63).astype(np.uint8)[:, None] + np.zeros((1, 95), np.uint8)
    halves = np.full((32, 48), 60, np.uint8), np.full((32, 48), 190, np.uint8)
    planes = (rows, np.dstack(halves)) if nv12 else (rows, *halves)
    with file_sink(tmp_path / "out.mp4", info, codec=codec, crf=4) as sink:
        sink.write(whole(planes, info=info))
        sink.finish()
    [frame] = clips.frames_of(tmp_path / "out.mp4")
    assert frame.size == (96, 64)
    assert np.abs(frame.planes[0][:63, :95].astype(int) - rows).max() < 10
    assert np.abs(frame.planes[0][63].astype(int) - rows[-1, 0]).max() < 10
    assert np.abs(frame.planes[1].astype(int) - 60).max() < 10
    assert np.abs(frame.planes[2].astype(int) - 190).max() < 10


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_both_layouts_may_alternate(clips, tmp_path, codec):
    y, u, v = grey().planes[0], np.full((32, 48), 60, np.uint8), np.full((32, 48), 190, np.uint8)
    for first in (0, 1):
        output = tmp_path / f"{first}.mp4"
        with file_sink(output, INFO, codec=codec, crf=4) as sink:
            for pts in range(6):
                interleaved = pts % 2 == first
                sink.write(whole((y, np.dstack([u, v])) if interleaved else (y, u, v), pts))
            sink.finish()
        for frame in clips.frames_of(output):
            assert np.abs(frame.planes[1].astype(int) - 60).max() < 6
            assert np.abs(frame.planes[2].astype(int) - 190).max() < 6


@pytest.mark.slow
def test_resolution_change_is_scaled_into_the_first_size(clips, data, tmp_path):
    seen = clips.through(data / "videos" / "resolution-change.h264", tmp_path / "out.mp4")
    written = clips.frames_of(tmp_path / "out.mp4")
    assert len(seen) == len(written) == 96
    assert {frame.size for frame in written} == {(848, 464)}
    assert clips.seconds(written) == clips.seconds(seen)
    large, small = written[48].planes[0].astype(int), written[49].planes[0].astype(int)
    assert np.abs(large - small).mean() < 12  # the same scene, filling the same picture


@pytest.mark.parametrize("opened_with", [grey, grey_nv12])
@pytest.mark.parametrize("then", [grey, grey_nv12])
def test_picture_of_another_shape_stands_between_black_bars(clips, tmp_path, opened_with, then):
    with file_sink(tmp_path / "out.mp4", INFO, crf=4) as sink:
        sink.write(opened_with(0))
        sink.write(then(1, size=(32, 64), value=200))
        sink.finish()
    luma, u, v = clips.frames_of(tmp_path / "out.mp4")[1].planes
    assert np.abs(luma[:, 36:60].astype(int) - 200).max() < 12
    assert luma[:, :28].max() < 30
    assert luma[:, 68:].max() < 30
    assert np.abs(u[:, 18:30].astype(int) - 200).max() < 12
    assert np.abs(v[:, :14].astype(int) - 128).max() < 12


class Impostor:
    """Has all that a redacted frame has, but was never redacted."""

    def __init__(self):
        true = grey()
        self.planes, self.size, self.colour = true.planes, true.size, true.colour
        self.pts, self.time_base, self.index = true.pts, true.time_base, true.index


def test_only_redacted_frames_are_taken(clip, tmp_path):
    with FileSource(clip) as source, file_sink(tmp_path / "out.mp4", source.info) as sink:
        frame = next(source)
        for raw in (frame, frame.planes, Impostor(), None):
            with pytest.raises(TypeError, match="takes redacted frames"):
                sink.write(raw)


def test_times_must_rise(tmp_path):
    with file_sink(tmp_path / "out.mp4", INFO) as sink:
        sink.write(grey(3))
        with pytest.raises(ValueError, match="follows one at 3"):
            sink.write(grey(3))


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_refusing_encoder_is_an_output_error(tmp_path, codec):
    with file_sink(tmp_path / "out.mp4", INFO, codec=codec, preset="instant") as sink:
        with pytest.raises(OutputError, match=r"refuses 96x64 pixels with .*preset=instant"):
            sink.write(grey())
        with pytest.raises(OutputError):
            sink.finish()
    assert leftovers(tmp_path) == []


def nal_types(data, codec):
    """Kinds of the NAL units of a byte stream with start codes."""
    units = bytes(data).replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]
    return [unit[0] & 31 if codec == "h264" else unit[0] >> 1 & 63 for unit in units]


PARAMETER_SETS = {"h264": [7, 8], "hevc": [32, 33, 34]}


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_parameter_sets_stand_in_the_stream_alone_and_pictures_in_packets(codec):
    encoder = VideoEncoder(INFO, codec=codec)
    packets = [packet for pts in range(-2, 58) for packet in encoder.encode(grey(pts))]
    packets += encoder.flush()
    stream = encoder.stream
    assert nal_types(stream.extradata, codec)[: len(PARAMETER_SETS[codec])] == PARAMETER_SETS[codec]
    for packet in packets:
        assert not set(nal_types(packet.data, codec)) & set(PARAMETER_SETS[codec])
    assert (stream.codec, stream.width, stream.height) == (codec, 96, 64)
    assert (stream.time_base, stream.frame_rate, stream.shift) == (Fraction(1, 25), 25, 2)
    assert sorted(packet.pts for packet in packets) == list(range(60))
    assert all(packet.dts <= packet.pts for packet in packets)
    assert all(before.dts < after.dts for before, after in pairwise(packets))
    assert [packet.is_key for packet in packets] == [True] + [False] * 59


def test_packets_are_not_copied_and_can_not_be_changed():
    encoder = VideoEncoder(INFO)
    encoder.encode(grey())
    [packet] = encoder.flush()
    assert packet.data.readonly
    assert packet.data.obj is not None  # libav's own packet
    with pytest.raises(FrozenInstanceError):
        packet.pts = 7


def test_stream_is_known_once_a_picture_was_encoded():
    encoder = VideoEncoder(INFO)
    with pytest.raises(RuntimeError, match="no frame was encoded"):
        _ = encoder.stream
    assert encoder.flush() == []
