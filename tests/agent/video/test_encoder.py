"""What a sink leaves on the disk, and when."""

import os
import resource
import signal
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from agent.errors import OutputError
from agent.frames.cpu_frame import CpuFrame
from agent.frames.frame import Colour
from agent.frames.redacted import _SEAL, RedactedFrame
from agent.frames.stream_info import StreamInfo
from agent.video.encoder import VideoSink
from agent.video.file_source import VideoSource

INFO = StreamInfo(
    width=96,
    height=64,
    frame_rate=Fraction(25),
    time_base=Fraction(1, 25),
    frames=None,
    duration_s=None,
    colour=Colour("bt601", full_range=False),
    matrix_code=2,
    codec="h264",
    pixel_format="yuv420p",
    sample_aspect_ratio=Fraction(1),
    has_audio=False,
)

UNEVEN = (0, 1, 5, 6, 20, 21, 22, 90, 91, 300, 301, 777)  # ticks: a variable frame rate
MICROSECONDS = tuple(123_457 + 33_367 * n + n * n for n in range(12))
NTSC = tuple(1001 * n for n in range(12))


def whole(planes, pts=0, info=INFO):
    return RedactedFrame(_SEAL, CpuFrame(planes, 0, pts, info.time_base, info.colour), planes)


def grey(pts=0, size=(96, 64), value=100, info=INFO):
    width, height = size
    half = ((height + 1) // 2, (width + 1) // 2)
    planes = [np.full(shape, value, np.uint8) for shape in ((height, width), half, half)]
    return whole(tuple(planes), pts, info)


def grey_nv12(*args, **settings):
    frame = grey(*args, **settings)
    y, u, v = frame.planes
    return whole((y, np.dstack([u, v])), frame.pts)


def leftovers(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.slow
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


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_fragments_keep_the_times_too(clips, tmp_path, codec):
    source = clips.write(tmp_path / "in.mp4", range(35, 47))
    seen = clips.through(source, tmp_path / "out.mp4", fragmented=True, codec=codec)
    assert clips.seconds(clips.frames_of(tmp_path / "out.mp4")) == clips.seconds(seen)
    assert b"moof" in (tmp_path / "out.mp4").read_bytes()


def test_fragmented_input_is_read_frame_by_frame(clips, tmp_path):
    muxing = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    source = clips.write(tmp_path / "in.mp4", range(40), muxing=muxing, options={"g": "5"})
    seen = clips.through(source, tmp_path / "out.mp4")
    assert [clips.number_of(frame.planes[0]) for frame in seen] == list(range(40))
    assert clips.seconds(clips.frames_of(tmp_path / "out.mp4")) == clips.seconds(seen)


def test_growing_fragmented_file_can_be_played_before_it_is_finished(tmp_path):
    with VideoSink(tmp_path / "out.mp4", INFO, fragmented=True, preset="ultrafast") as sink:
        for pts in range(600):  # two groups of pictures
            sink.write(grey(pts))
        [growing] = tmp_path.iterdir()
        with av.open(str(growing)) as container:
            assert sum(1 for _ in container.decode(video=0)) >= 250


def test_stream_that_starts_before_zero_loses_nothing(clips, tmp_path):
    with VideoSink(tmp_path / "out.mp4", INFO) as sink:
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
    with VideoSink(output, INFO, codec=codec) as sink:
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
    with VideoSource(output) as source:
        assert source.info.codec == codec
        for before, after in zip(seen, source, strict=True):
            for plane, other in zip(before.planes, after.planes, strict=True):
                error = np.mean((plane.astype(float) - other) ** 2)
                assert 10 * np.log10(255**2 / max(error, 1e-9)) > 38  # dB


def test_hevc_in_mp4_carries_the_tag_that_apple_players_want(clips, clip, tmp_path):
    clips.through(clip, tmp_path / "out.mp4", codec="hevc")
    assert b"hvc1" in (tmp_path / "out.mp4").read_bytes()


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize(
    ("matrix_code", "matrix"), [(1, "bt709"), (6, "bt601"), (9, "bt2020"), (2, "bt601")]
)
@pytest.mark.parametrize("full_range", [False, True])
def test_output_is_tagged_like_the_input(tmp_path, codec, matrix_code, matrix, full_range):
    colour = Colour(matrix, full_range, primaries=9, transfer=16)
    info = replace(INFO, colour=colour, matrix_code=matrix_code, sample_aspect_ratio=Fraction(4, 3))
    with VideoSink(tmp_path / "out.mp4", info, codec=codec) as sink:
        sink.write(grey(info=info))
        sink.finish()
    with VideoSource(tmp_path / "out.mp4") as source:
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
    with VideoSink(tmp_path / "out.mp4", info, codec=codec, crf=4) as sink:
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
        with VideoSink(output, INFO, codec=codec, crf=4) as sink:
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
    with VideoSink(tmp_path / "out.mp4", INFO, crf=4) as sink:
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
    with VideoSource(clip) as source, VideoSink(tmp_path / "out.mp4", source.info) as sink:
        frame = next(source)
        for raw in (frame, frame.planes, Impostor(), None):
            with pytest.raises(TypeError, match="takes redacted frames"):
                sink.write(raw)


def test_times_must_rise(tmp_path):
    with VideoSink(tmp_path / "out.mp4", INFO) as sink:
        sink.write(grey(3))
        with pytest.raises(ValueError, match="follows one at 3"):
            sink.write(grey(3))


def test_name_appears_only_when_the_file_is_whole(clips, tmp_path):
    output = tmp_path / "out.mp4"
    with VideoSink(output, INFO) as sink:
        for pts in range(3):
            sink.write(grey(pts))
        [part] = leftovers(tmp_path)
        assert part.startswith(".out.")
        assert part.endswith(".partial.mp4")
        sink.finish()
        assert leftovers(tmp_path) == ["out.mp4"]
    assert leftovers(tmp_path) == ["out.mp4"]
    assert len(clips.frames_of(output)) == 3


def test_file_is_as_readable_as_any_other(tmp_path):
    (tmp_path / "plain").touch()
    with VideoSink(tmp_path / "out.mp4", INFO) as sink:
        sink.write(grey())
        sink.finish()
    modes = {path.name: path.stat().st_mode for path in tmp_path.iterdir()}
    assert modes["out.mp4"] == modes["plain"]


@pytest.mark.parametrize("frames", [0, 3])
def test_leaving_without_finish_leaves_what_was_there_before(tmp_path, frames):
    output = tmp_path / "out.mp4"
    output.write_bytes(b"an older result")
    with VideoSink(output, INFO) as sink:
        for pts in range(frames):
            sink.write(grey(pts))
    assert leftovers(tmp_path) == ["out.mp4"]
    assert output.read_bytes() == b"an older result"


def test_link_is_followed_and_stays_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "out.mp4").symlink_to(tmp_path / "there" / "real.mp4")
    with VideoSink(tmp_path / "out.mp4", INFO) as sink:
        sink.write(grey())
        sink.finish()
    assert (tmp_path / "out.mp4").is_symlink()
    assert leftovers(tmp_path / "there") == ["real.mp4"]


def test_finish_without_a_frame_is_an_error(tmp_path):
    with (
        VideoSink(tmp_path / "out.mp4", INFO) as sink,
        pytest.raises(OutputError, match="no frame"),
    ):
        sink.finish()
    assert leftovers(tmp_path) == []


CHILD = """
import sys
from dataclasses import replace
from pathlib import Path
sys.path[:0] = sys.argv[2:]
import numpy as np
import test_sink as t

info = replace(t.INFO, width=640, height=360)
noise = np.random.default_rng(0)
with t.VideoSink(Path(sys.argv[1]), info, preset="ultrafast", crf=1) as sink:
    for pts in range(100000):
        y = noise.integers(0, 256, (360, 640), np.uint8)
        sink.write(t.whole((y, y[:180, :320], y[180:, :320]), pts, info))
        print(pts, flush=True)
"""


def child(output, **settings):
    roots = [str(Path(__file__).parent), str(Path(__file__).parents[3])]
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(output), *roots],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **settings,
    )


def test_killed_run_leaves_no_file_of_the_final_name(tmp_path):
    output = tmp_path / "out.mp4"
    with child(output) as process:
        while int(process.stdout.readline()) < 30:
            pass
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert not output.exists()
    [part] = tmp_path.iterdir()
    assert part.stat().st_size > 100_000  # it was killed in mid-write indeed


def test_full_disk_ends_in_one_line_and_leaves_nothing(tmp_path):
    """A limit on the file's size is what a full disk looks like to a process."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    (tmp_path / "out.mp4").write_bytes(b"an older result")
    with child(tmp_path / "out.mp4", preexec_fn=limit) as process:
        _, complaint = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "agent.errors.OutputError" in complaint
    assert "out.mp4: can't be written (File too large)" in complaint
    assert leftovers(tmp_path) == ["out.mp4"]
    assert (tmp_path / "out.mp4").read_bytes() == b"an older result"


def test_disk_that_fills_up_at_the_very_end_is_noticed(tmp_path):
    """The last bytes are written when the file is closed, where an error is easily lost."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    output = tmp_path / "out.mp4"
    try:
        with VideoSink(output, INFO) as sink:
            for pts in range(5):
                sink.write(grey(pts))
            resource.setrlimit(resource.RLIMIT_FSIZE, (600, before[1]))
            with pytest.raises(OutputError, match="File too large"):
                sink.finish()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("out.webm", "name it one of .mp4 .m4v .mov .mkv"),
        ("out", "can't write a file without extension"),
        ("folder.mp4", "is a folder"),
        ("absent/out.mp4", "No such file or directory"),
        ("file/out.mp4", "Not a directory"),
        ("x" * 300 + ".mp4", "File name too long"),
    ],
)
def test_bad_output_is_refused_in_one_line(tmp_path, name, reason):
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError) as refusal:
        VideoSink(tmp_path / name, INFO)
    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert leftovers(tmp_path) == ["file", "folder.mp4"]


def test_device_is_not_replaced_by_a_file(tmp_path):
    pipe = tmp_path / "out.mp4"
    os.mkfifo(pipe)
    with pytest.raises(OutputError, match="not an ordinary file"):
        VideoSink(pipe, INFO)
    assert pipe.is_fifo()


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_refusing_encoder_is_an_output_error(tmp_path, codec):
    with VideoSink(tmp_path / "out.mp4", INFO, codec=codec, preset="instant") as sink:
        with pytest.raises(OutputError, match=r"refuses 96x64 pixels with .*preset=instant"):
            sink.write(grey())
        with pytest.raises(OutputError):
            sink.finish()
    assert leftovers(tmp_path) == []


SECRETS = ["Birthday at home", "+52.5200+013.4050/", "Ann's phone", "do not share", "Chapter One"]


def identify(output, stream):
    title, place, device, comment, chapter = SECRETS
    output.metadata.update(
        {"title": title, "location": place, "comment": comment, "model": device, "artist": device}
    )
    stream.metadata["title"] = title
    output.set_chapters(
        [
            {
                "id": 1,
                "start": 0,
                "end": 1000,
                "time_base": Fraction(1, 1000),
                "metadata": {"title": chapter},
            }
        ]
    )


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("with_sound", [False, True])
def test_nothing_that_identifies_is_copied(clips, tmp_path, suffix, with_sound):
    def and_attachments(output, stream):
        identify(output, stream)
        output.add_attachment("secret.txt", "text/plain", SECRETS[3].encode())

    source = clips.write(tmp_path / "in.mkv", sound="aac", prepare=and_attachments)
    assert all(secret.encode() in source.read_bytes() for secret in SECRETS)
    output = tmp_path / f"out{suffix}"
    clips.through(source, output, audio_from=source if with_sound else None)
    data = output.read_bytes()
    assert not [secret for secret in SECRETS if secret.encode() in data]
    with av.open(str(output)) as container:
        assert [stream.type for stream in container.streams] == ["video"] + ["audio"] * with_sound
        assert not container.chapters()
        assert container.metadata.keys() <= {
            "major_brand",
            "minor_version",
            "compatible_brands",
            "encoder",
        }


def test_captions_inside_the_pictures_are_not_copied(clips, tmp_path):
    """Closed captions and other user data travel beside the decoded picture, not in it."""
    raw = tmp_path / "in.h264"
    message = b"\xb5\0\x31GA94" + b"Ann said so" * 3  # ITU-T T.35: ATSC user data
    sei = b"\0\0\0\1\6\4" + bytes([len(message)]) + message + b"\x80"
    clips.write(raw)
    raw.write_bytes(sei + raw.read_bytes())
    clips.through(raw, tmp_path / "out.mp4")
    assert b"Ann said so" not in (tmp_path / "out.mp4").read_bytes()
