"""Files with odd clocks: each picture once, at a time that is right, or a refusal and no file."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import av
import pytest
from recording import INFO, file_sink, grey, leftovers

from agent.errors import OutputError
from agent.video.file_source import FileSource

MILLISECONDS = Fraction(1, 1000)
HOUR_MS = 3600 * 1000
SUFFIXES = [".mp4", ".mov", ".mkv"]


def repairs_of(path):
    with FileSource(path, sound=True) as source:
        for _ in source:
            pass
        return source.repairs


def length_s(path):
    """How long a file claims to be, and how long its pictures do where it says so."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        whole = container.duration / av.time_base
        return whole, stream.duration and float(stream.duration * stream.time_base)


def sound_starts(path):
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(audio=0) if packet.pts is not None]
        return [packet.pts * packet.time_base for packet in packets]


def steps(times):
    return [float(after - before) for before, after in pairwise(times)]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("starts", [("600", "0"), ("0", "600"), ("0", "0"), ("600", "0", "95000")])
def test_joined_transport_streams_last_as_long_as_their_parts(clips, tmp_path, suffix, starts):
    parts = [
        clips.write(tmp_path / f"{n}.ts", range(15), muxing={"output_ts_offset": start})
        for n, start in enumerate(starts)
    ]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    clips.through(joined, tmp_path / f"out{suffix}")
    frames = clips.frames_of(tmp_path / f"out{suffix}")
    assert [clips.number_of(frame.planes[0]) for frame in frames] == [*range(15)] * len(parts)
    times = clips.seconds(frames)
    assert times[0] == 0
    assert steps(times) == pytest.approx([1 / 25] * (15 * len(parts) - 1), abs=0.001)
    assert repairs_of(joined).jumps == len(parts) - 1
    assert length_s(tmp_path / f"out{suffix}")[0] == pytest.approx(0.6 * len(parts), abs=0.001)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_sound_stays_with_the_pictures_over_a_join(clips, tmp_path, suffix):
    """Where they lie in the first part, they lie in the second, but for its very first picture."""
    for name, start in (("a", "700"), ("b", "3")):
        muxing = {"output_ts_offset": start}
        clips.write(tmp_path / f"{name}.ts", range(25), sound="mp2", sound_s=1.0, muxing=muxing)
    joined = tmp_path / "joined.ts"
    joined.write_bytes((tmp_path / "a.ts").read_bytes() + (tmp_path / "b.ts").read_bytes())
    clips.through(joined, tmp_path / f"out{suffix}", sound=True)
    pictures = clips.seconds(clips.frames_of(tmp_path / f"out{suffix}"))
    sound = sound_starts(tmp_path / f"out{suffix}")
    half = len(sound) // 2
    assert len(pictures) == 50
    moved = float(sound[-1] - sound[half - 1])
    assert float(pictures[-1] - pictures[24]) == pytest.approx(moved, abs=0.002)
    assert max(steps(sound)) < 0.06  # an MP2 packet lasts 24 ms
    assert max(steps(pictures)) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("source_suffix", [".ts", ".mkv", ".mp4"])
def test_a_start_after_ten_hours_is_a_start(clips, tmp_path, suffix, source_suffix):
    source = tmp_path / f"in{source_suffix}"
    clips.write(source, range(12), sound="aac", muxing={"output_ts_offset": "36000"})
    output = tmp_path / f"out{suffix}"
    clips.through(source, output, sound=True)
    times = clips.seconds(clips.frames_of(output))
    assert 0 <= times[0] < 0.05  # AAC begins a packet before
    assert length_s(output)[0] < 0.7
    assert abs(times[0] - sound_starts(output)[0]) < 0.05


def test_a_clock_that_wraps_goes_on(clips, tmp_path):
    """A transport stream counts 33 bits: a day, two and a half hours."""
    wraps_at = 2**33 / 90000
    muxing = {"output_ts_offset": str(wraps_at - 0.2)}
    source = clips.write(tmp_path / "in.ts", range(12), muxing=muxing)
    clips.through(source, tmp_path / "out.mp4")
    times = clips.seconds(clips.frames_of(tmp_path / "out.mp4"))
    assert times == [Fraction(n, 25) for n in range(12)]
    assert repairs_of(source).jumps == 0


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_recordings_of_another_kind_that_were_joined_go_on_too(clips, tmp_path, suffix):
    part = clips.write(tmp_path / "part.mkv", range(15), sound="aac")
    joined = tmp_path / "joined.mkv"
    joined.write_bytes(part.read_bytes() * 2)
    clips.through(joined, tmp_path / f"out{suffix}", sound=True)
    times = clips.seconds(clips.frames_of(tmp_path / f"out{suffix}"))
    assert steps(times) == pytest.approx([1 / 25] * 29, abs=0.002)
    assert max(steps(sound_starts(tmp_path / f"out{suffix}"))) < 0.05
    assert repairs_of(joined).pictures == 15


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_hours_between_pictures_of_a_time_lapse_stay(clips, tmp_path, suffix):
    pts = [HOUR_MS * n for n in range(8)]
    source = clips.write(tmp_path / "in.mkv", pts, MILLISECONDS)
    clips.through(source, tmp_path / f"out{suffix}")
    times = clips.seconds(clips.frames_of(tmp_path / f"out{suffix}"))
    assert times == [3600 * n for n in range(8)]


def test_a_gap_that_mp4_can_not_hold_is_refused_with_the_remedy(clips, tmp_path):
    month = 30 * 24 * HOUR_MS
    source = clips.write(tmp_path / "in.mkv", [0, 40, 80, month, month + 40], MILLISECONDS)
    with pytest.raises(OutputError, match=r"out\.mp4: 259\d+ s without a new picture.*write \.mkv"):
        clips.through(source, tmp_path / "out.mp4")
    assert leftovers(tmp_path) == ["in.mkv"]
    clips.through(source, tmp_path / "out.mkv")
    times = clips.seconds(clips.frames_of(tmp_path / "out.mkv"))
    assert times == [Fraction(pts, 1000) for pts in (0, 40, 80, month, month + 40)]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nanoseconds_are_rounded_and_never_to_one_time(clips, tmp_path, suffix):
    pts = [n * 33_366_667 for n in range(12)]
    source = clips.write(tmp_path / "in.nut", pts, Fraction(1, 10**9))
    seen = clips.through(source, tmp_path / f"out{suffix}")
    written = clips.seconds(clips.frames_of(tmp_path / f"out{suffix}"))
    tolerance = 0.0005 if suffix == ".mkv" else 0.0000005
    assert [float(t) for t in written] == pytest.approx(clips.seconds(seen), abs=tolerance)


@pytest.mark.parametrize("rate", [1500, 2000, 8000])
def test_what_is_faster_than_matroska_counts_goes_into_mp4(clips, tmp_path, rate):
    source = clips.write(tmp_path / "in.mp4", range(40), Fraction(1, rate))
    with pytest.raises(OutputError, match=r"out\.mkv: counts in 1/1000 s.*write \.mp4 or \.mov"):
        clips.through(source, tmp_path / "out.mkv")
    assert leftovers(tmp_path) == ["in.mp4"]
    clips.through(source, tmp_path / "out.mp4")
    times = clips.seconds(clips.frames_of(tmp_path / "out.mp4"))
    assert times == [Fraction(n, rate) for n in range(40)]


def test_a_tape_whose_mean_rate_is_its_clock_has_the_rate_of_its_pictures(clips, tmp_path):
    rate = Fraction(30000, 1001)
    source = clips.write(
        tmp_path / "tape.dv",
        time_base=1 / rate,
        rate=rate,
        codec="dvvideo",
        pixel_format="yuv411p",
        size=(720, 480),
    )
    with FileSource(source) as video:
        assert video.info.frame_rate == rate
        assert video.info.frames == 12
        assert clips.seconds(video) == [n / rate for n in range(12)]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_two_pictures_of_one_time_get_two(tmp_path, clips, suffix):
    """Times that a source had to repair lie a tick apart, and here that is no millisecond."""
    info = replace(INFO, time_base=Fraction(1, 90000))
    with file_sink(tmp_path / f"out{suffix}", info) as sink:
        for pts in (0, 3600, 3601, 7200):
            sink.write(grey(pts, info=info))
        sink.finish()
    times = clips.seconds(clips.frames_of(tmp_path / f"out{suffix}"))
    assert len(set(times)) == 4
    assert [float(t) for t in times] == pytest.approx([0, 0.04, 0.04, 0.08], abs=0.002)


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"bf": "3", "b-pyramid": "normal"}),
        ("libx264", {"bf": "0"}),
        ("mpeg4", {"bf": "2"}),
        ("mjpeg", {}),
    ],
)
def test_pictures_of_an_avi_follow_each_other_evenly(clips, tmp_path, codec, options):
    """It knows when to decode them, not when to show them."""
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    source = tmp_path / "in.avi"
    clips.write(source, range(30), codec=codec, options=options, pixel_format=pixels)
    frames = clips.frames_of(source)
    assert [clips.number_of(frame.planes[0]) for frame in frames] == list(range(30))
    assert clips.seconds(frames) == [Fraction(n, 25) for n in range(30)]
    assert repairs_of(source).pictures == 0


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("preset", ["ultrafast", "veryfast"])
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "pts",
    [
        pytest.param((0, 5000, 10000), id="slides"),
        pytest.param((0, 1000, 11000, 11500), id="slides of odd lengths"),
        pytest.param((0, 40, 80, 120, 160), id="film"),
        pytest.param((0,), id="one picture"),
    ],
)
def test_the_last_picture_lasts_as_long_as_it_did(tmp_path, pts, suffix, preset, codec):
    info = replace(INFO, time_base=MILLISECONDS)
    with file_sink(tmp_path / f"out{suffix}", info, preset=preset, codec=codec) as sink:
        for n, ticks in enumerate(pts):
            sink.write(grey(ticks, value=60 + 40 * n, info=info, duration=5000))
        sink.finish()
    whole, pictures = length_s(tmp_path / f"out{suffix}")
    assert whole == (pts[-1] + 5000) / 1000
    assert pictures in (None, whole)


@pytest.mark.parametrize("source_suffix", [".mp4", ".mkv", ".ts", ".avi"])
def test_slides_are_as_long_as_their_file(clips, tmp_path, source_suffix):
    source = tmp_path / f"in{source_suffix}"
    clips.write(source, range(3), Fraction(5), options={"bf": "0"}, rate=Fraction(1, 5))
    clips.through(source, tmp_path / "out.mp4")
    assert length_s(tmp_path / "out.mp4") == (15, 15)
