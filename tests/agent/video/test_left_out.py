"""What a file holds beside its pictures and its sound is named, one by one."""

from fractions import Fraction

import av
import numpy as np
import pytest

from agent.errors import OutputError
from agent.video.file_output import FileOutput
from agent.video.file_source import FileSource


def left_out_of(path, *, into=None):
    with FileSource(path, sound=into is not None) as source:
        if into is not None:
            FileOutput(into, sound=source.sound).abort()
        return source.left_out


def test_an_ordinary_file_leaves_nothing_out(clips, tmp_path):
    clip = clips.write(tmp_path / "clip.mkv", sound=["aac", "aac"])
    assert left_out_of(clip) == ()
    assert left_out_of(clip, into=tmp_path / "out.mkv") == ()


def write_a_lot(path):
    """Two videos, a cover, subtitles, an attached file and two chapters."""
    with av.open(str(path), "w") as output:
        videos = [output.add_stream("libx264", rate=25) for _ in range(2)]
        words = output.add_stream("ass")
        words.codec_context.subtitle_header = b"[Script Info]\n\n[Events]\n"
        output.add_attachment("notes.txt", "text/plain", b"Ann")
        chapters = [
            {"id": n, "start": n, "end": n + 1, "time_base": Fraction(1), "metadata": {}}
            for n in range(2)
        ]
        output.set_chapters(chapters)
        for stream, width in zip(videos, (96, 64), strict=True):
            stream.width, stream.height, stream.pix_fmt = width, 48, "yuv420p"
        for n in range(5):
            for stream in videos:
                grey = np.full((48, stream.width, 3), 90, np.uint8)
                picture = av.VideoFrame.from_ndarray(grey, "rgb24").reformat(format="yuv420p")
                picture.pts, picture.time_base = n, Fraction(1, 25)
                output.mux(stream.encode(picture))
        for stream in videos:
            output.mux(stream.encode(None))
    return path


def test_everything_else_is_named(tmp_path):
    assert left_out_of(write_a_lot(tmp_path / "lot.mkv")) == (
        "video stream 2 (64x48 h264)",
        "subtitle stream 1 (ssa)",
        "attached file stream 1 (notes.txt)",
        "2 chapters",
    )


def add_cover(output, _):
    cover = output.add_stream("mjpeg", rate=1)
    cover.width, cover.height, cover.pix_fmt = 640, 480, "yuvj420p"
    cover.disposition = av.stream.Disposition.attached_pic.value
    image = av.VideoFrame.from_ndarray(np.full((480, 640, 3), 200, np.uint8), "rgb24")
    image.pts = 0
    output.mux(cover.encode(image.reformat(format="yuvj420p")))


def test_a_cover_is_called_one(clips, tmp_path):
    clip = clips.write(tmp_path / "clip.mp4", prepare=add_cover)
    assert left_out_of(clip) == ("cover picture, stream 2 (640x480 mjpeg)",)


@pytest.mark.slow
def test_a_second_sound_that_nobody_can_read_costs_the_first_nothing(clips, tmp_path):
    """As iPhones write it: AAC, and beside it a codec of their maker's."""
    clip = clips.write(tmp_path / "clip.mkv", range(50), sound=["aac", "aac"])
    data = clip.read_bytes()
    second = data.index(b"A_AAC", data.index(b"A_AAC") + 1)
    clip.write_bytes(data[:second] + b"A_ODD" + data[second + 5 :])
    for suffix in (".mp4", ".mov", ".mkv"):
        output = tmp_path / f"out{suffix}"
        assert left_out_of(clip, into=output) == (
            f"sound stream 2 (a codec unknown to FFmpeg): {suffix} can't hold it",
        )
        clips.through(clip, output, sound=True)
        with av.open(str(output)) as container:
            assert [stream.codec_context.name for stream in container.streams.audio] == ["aac"]
            sound = [packet for packet in container.demux(audio=0) if packet.size]
        assert len(sound) > 90


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "kept", "lost"),
    [
        (".mp4", ["aac", "opus"], ["sound stream 1 (wavpack): .mp4 can't hold it"]),
        (
            ".mov",
            ["aac"],
            [
                "sound stream 1 (wavpack): .mov can't hold it",
                "sound stream 3 (opus): .mov can't hold it",
            ],
        ),
        (".mkv", ["wavpack", "aac", "opus"], []),
    ],
)
def test_what_a_container_can_hold_is_kept(clips, tmp_path, suffix, kept, lost):
    clip = clips.write(tmp_path / "clip.mkv", range(25), sound=["wavpack", "aac", "libopus"])
    assert list(left_out_of(clip, into=tmp_path / f"out{suffix}")) == lost
    clips.through(clip, tmp_path / f"out{suffix}", sound=True)
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        assert [stream.codec_context.name for stream in container.streams.audio] == kept


@pytest.mark.parametrize(
    ("sound", "suffix", "remedy"),
    [
        ("wavpack", ".mp4", r"wavpack sound; write \.mkv, or drop the sound with --audio drop"),
        ("libopus", ".mov", r"opus sound; write \.mp4 or \.mkv, or drop"),
        ("pcm_s16le", ".mp4", r"pcm_s16le sound; write \.mov or \.mkv, or drop"),
        ("pcm_mulaw", ".mkv", r"pcm_mulaw sound; write \.mov, or drop"),
        ("adpcm_ima_wav", ".mkv", r"adpcm_ima_wav sound; drop the sound with --audio drop"),
    ],
)
def test_a_wish_that_can_not_be_met_is_refused_with_what_could_be(
    clips, tmp_path, sound, suffix, remedy
):
    clip = clips.write(tmp_path / "in.nut", sound=sound)
    with pytest.raises(OutputError, match=remedy):
        left_out_of(clip, into=tmp_path / f"out{suffix}")
    assert [path.name for path in tmp_path.iterdir()] == ["in.nut"]
