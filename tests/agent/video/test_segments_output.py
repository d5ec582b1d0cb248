"""Segments: together every picture once at its own time, and each plays by itself."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from machine_clock import MachineClock
from recording import INFO, leftovers, number_of, numbered, whole

from agent.errors import OutputError
from agent.video.encoder import VideoEncoder
from agent.video.encoding_sink import EncodingSink
from agent.video.recordings import Recordings
from agent.video.retention import Keep

CAMERA = replace(INFO, time_base=Fraction(1, 90_000), duration_s=None)


@pytest.fixture
def machine():
    return MachineClock(1_796_028_638)


@pytest.fixture
def recordings(tmp_path, machine):
    recordings = Recordings(tmp_path / "video", Keep(), machine.clock())
    yield recordings
    recordings.close()


def sink_of(output, info=CAMERA, gop_s=2, **settings):
    clock = output.clock(info)
    return EncodingSink(VideoEncoder(info, clock=clock, gop_s=gop_s, **settings), output)


def steady(seconds, rate=25):
    """Times of a camera's pictures, which begin anywhere."""
    return [8_100_000 + round(n * 90_000 / rate) for n in range(round(seconds * rate))]


def shaky(seconds):
    """Times that jitter, with pictures left out and a long gap."""
    dice, at, times = np.random.default_rng(5), 7_000, []
    while at < seconds * 90_000:
        times.append(at)
        at += 3600 * int(dice.choice([1, 1, 1, 2, 5])) + int(dice.integers(-900, 900))
        if len(times) == 90:
            at += 4 * 90_000
    return times


def write_all(sink, times, info=CAMERA):
    for n, pts in enumerate(times):
        sink.write(numbered(n, pts, info))


def files_of(recordings, stream="door"):
    folder = recordings.folder / stream
    return sorted(folder.iterdir(), key=lambda path: path.name.split("_")[-1])


def pictures_of(path):
    """Number and time in seconds of each picture, and how long the file says it lasts."""
    with av.open(f"file:{path}") as container:
        stream = container.streams.video[0]
        shown = [
            (number_of(picture.to_ndarray(format="gray")), picture.pts * stream.time_base)
            for picture in container.decode(stream)
        ]
        return shown, stream.duration * stream.time_base


def keys_of(path):
    with av.open(f"file:{path}") as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        return [packet.pts * stream.time_base for packet in packets if packet.is_keyframe]


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize(
    "times",
    [
        pytest.param(steady(20), id="25 a second"),
        pytest.param(steady(20, 12.5), id="half of what is claimed"),
        pytest.param(steady(16, 60), id="more than is claimed"),
        pytest.param(shaky(25), id="shaky"),
    ],
)
def test_all_pictures_are_there_once_at_their_own_times(recordings, codec, times):
    begun = []
    output = recordings.output("door", 5, lambda: begun.append(len(files_of(recordings))))
    with sink_of(output, codec=codec) as sink:
        write_all(sink, times)
        sink.finish()
    files = files_of(recordings)
    assert len(files) > 2
    assert len(begun) == len(files) - 1
    begins, seen = [], []
    for path in files:
        shown, _ = pictures_of(path)
        begins.append(Fraction(times[shown[0][0]], 90_000))
        for number, at in shown:
            assert at == Fraction(times[number], 90_000) - begins[-1]
            seen.append(number)
        assert all(later - before < 2 + 5 for before, later in pairwise(keys_of(path)))
    assert seen == list(range(len(times)))
    for path, begin, following in zip(files, begins, begins[1:], strict=False):
        assert pictures_of(path)[1] == following - begin
        assert 5 <= following - begin < 7 + 5


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("rate", [12.5, 25, 60])
def test_keyframes_come_by_time_whatever_rate_is_claimed(recordings, codec, rate):
    output = recordings.output("door", 1000, lambda: None)
    with sink_of(output, codec=codec, gop_s=1.5) as sink:
        write_all(sink, steady(10, rate))
        sink.finish()
    [path] = files_of(recordings)
    keys = keys_of(path)
    assert len(keys) >= 6
    assert all(later - before <= 1.5 + 1 / rate for before, later in pairwise(keys))


def test_a_scene_that_cuts_puts_the_next_keyframe_off(recordings):
    output = recordings.output("door", 1000, lambda: None)
    noise = np.random.default_rng(0).integers(30, 220, (2, 64, 96), np.uint8)
    with sink_of(output) as sink:
        for n, pts in enumerate(steady(8)):
            luma = noise[int(n >= 90)]
            sink.write(whole((luma, luma[::2, ::2], luma[1::2, ::2]), pts, CAMERA))
        sink.finish()
    [path] = files_of(recordings)
    assert keys_of(path) == [0, 2, Fraction(90, 25), Fraction(90, 25) + 2, Fraction(90, 25) + 4]


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_segment_that_begins_with_a_scene_needs_nothing_of_the_one_before(recordings, codec):
    output = recordings.output("door", 1, lambda: None)
    grounds = np.random.default_rng(0).integers(30, 220, (20, 64, 96), np.uint8)
    with sink_of(output, codec=codec) as sink:
        for n, pts in enumerate(steady(20)):
            frame = numbered(n, pts, CAMERA)
            frame.planes[0][32:] = np.roll(grounds[n // 33], n, axis=1)[32:]
            sink.write(frame)
        sink.finish()
    files = files_of(recordings)
    assert len(files) > 10, "scenes begin segments, too"
    seen = [number for path in files for number, _ in pictures_of(path)[0]]
    assert seen == list(range(500))


IDR_BY_CODEC = {"h264": (0x1F, 0, {5}), "hevc": (0x3F, 1, {19, 20})}
"""Where a NAL unit's type stands, and the types across which nothing may refer."""


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_across_a_keyframe_that_the_encoder_chose_no_picture_refers_either(codec):
    """Encoders place one every 250 pictures, x265 an open one if it may."""
    encoder = VideoEncoder(INFO, codec=codec, gop_s=1000)
    packets = [packet for n in range(300) for packet in encoder.encode(numbered(n, n))]
    keys = [packet for packet in packets if packet.is_key]
    assert [packet.pts for packet in keys] == [0, 250]
    mask, shift, idr = IDR_BY_CODEC[codec]
    for packet in keys:
        units = bytes(packet.data).split(b"\0\0\1")[1:]
        assert {unit[0] >> shift & mask for unit in units} & idr


def test_a_clock_that_is_set_begins_a_segment_and_loses_nothing(recordings, machine):
    begun = []
    output = recordings.output("door", 60, lambda: begun.append("segment"))
    times = steady(30)
    with sink_of(output) as sink:
        for n, pts in enumerate(times):
            machine.turn(1 / 25)
            if n == 250:
                machine.wall_s += 365 * 86_400
            if n == 500:
                machine.wall_s -= 3600
            sink.write(numbered(n, pts, CAMERA))
        sink.finish()
    first, ahead, back = files_of(recordings)
    assert [path.name[:4] for path in (first, ahead, back)] == ["2026", "2027", "2027"]
    assert ahead.name > back.name, "an hour back"
    assert begun == ["segment", "segment"]
    seen = [number for path in (first, ahead, back) for number, _ in pictures_of(path)[0]]
    assert seen == list(range(len(times)))


@pytest.mark.parametrize("end", ["finish", "abort"])
def test_what_was_written_stays_however_it_ends(recordings, end):
    output = recordings.output("door", 60, lambda: None)
    with sink_of(output) as sink:
        write_all(sink, steady(4))
        if end == "finish":
            sink.finish()
    [path] = files_of(recordings)
    shown, _ = pictures_of(path)
    assert len(shown) >= 90
    output.abort()
    assert files_of(recordings) == [path]


def test_one_of_which_nothing_was_written_is_gone(recordings):
    output = recordings.output("door", 60, lambda: None)
    with sink_of(output) as sink:
        sink.write(numbered(0, 0, CAMERA))
        assert not (recordings.folder / "door").exists()
    assert leftovers(recordings.folder) == []


def test_finish_without_a_picture_is_an_error(recordings):
    output = recordings.output("door", 60, lambda: None)
    with pytest.raises(OutputError, match="door: no frame to write"):
        output.finish()


def test_after_its_end_it_takes_nothing_more(recordings):
    encoder = VideoEncoder(CAMERA, gop_s=2)
    encoder.encode(numbered(0, 0, CAMERA))
    output = recordings.output("door", 60, lambda: None)
    output.abort()
    with pytest.raises(RuntimeError, match="finished or aborted already"):
        output.start(encoder.stream)
    assert leftovers(recordings.folder) == []


def test_while_it_is_written_it_is_hidden(recordings):
    output = recordings.output("door", 60, lambda: None)
    with sink_of(output) as sink:
        write_all(sink, steady(4))
        assert leftovers(recordings.folder / "door") == [".2026-11-30T08-50-38Z_000001.mp4.part"]
        sink.finish()
    assert leftovers(recordings.folder / "door") == ["2026-11-30T08-50-38Z_000001.mp4"]


def test_a_folder_that_someone_deletes_costs_what_was_in_it_alone(recordings):
    output = recordings.output("door", 2, lambda: None)
    with sink_of(output) as sink:
        for n, pts in enumerate(steady(7)):
            if n == 90:
                for path in files_of(recordings):
                    path.unlink()
                (recordings.folder / "door").rmdir()
            sink.write(numbered(n, pts, CAMERA))
        sink.finish()
    assert [path.name[-10:] for path in files_of(recordings)] == ["000003.mp4", "000004.mp4"]


def test_a_stream_folder_that_can_not_be_made_is_one_line(recordings):
    (recordings.folder / "door").touch()
    output = recordings.output("door", 60, lambda: None)
    with sink_of(output) as sink, pytest.raises(OutputError) as refusal:
        write_all(sink, steady(1))
    assert str(refusal.value) == f"{recordings.folder}/door: can't be written (File exists)"


def test_a_gap_that_mp4_can_not_hold_is_one_line(recordings):
    info = replace(INFO, time_base=Fraction(1, 10**6), duration_s=None)
    output = recordings.output("door", 10**6, lambda: None)
    with sink_of(output, info) as sink, pytest.raises(OutputError, match="more than MP4 can hold"):
        write_all(sink, range(0, 20 * 4 * 10**9, 4 * 10**9), info)
