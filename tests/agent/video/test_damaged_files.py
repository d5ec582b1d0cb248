"""What a source makes of files that are broken, and of those that are no videos."""

from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from agent.errors import InputError
from agent.video.file_source import FileSource


def damage(path, start, length):
    data = bytearray(path.read_bytes())
    at = data.index(b"mdat") + start
    noise = np.random.default_rng(1).integers(0, 256, length, np.uint8).tobytes()
    data[at : at + length] = noise
    path.write_bytes(data)


@pytest.mark.parametrize("threads", [1, 3])
def test_garbage_in_mid_file_is_skipped_and_counted(clips, tmp_path, threads):
    path = clips.write(tmp_path / "clip.mp4", range(60), options={"g": "10", "bf": "2"})
    size = path.read_bytes().index(b"moov") - path.read_bytes().index(b"mdat")
    damage(path, size // 2, 2000)
    with FileSource(path, threads=threads) as source:
        frames = list(source)
        assert source.damaged > 0
    assert len(frames) + source.damaged >= 60
    assert 40 <= len(frames) < 60
    times = clips.seconds(frames)
    assert all(before < after for before, after in pairwise(times))
    # The first and the last group of pictures were not touched.
    whole = [frame for frame in frames if not 10 <= frame.pts * frame.time_base * 25 < 50]
    for frame in whole:
        assert clips.number_of(frame.planes[0]) == frame.pts * frame.time_base * 25
    assert len(whole) == 20


@pytest.mark.parametrize("which", range(5, 10))
def test_picture_that_the_decoder_had_to_invent_is_skipped(clips, tmp_path, which):
    """What breaks off in mid-picture is filled with a guess that looks like any other picture."""
    path = clips.write(tmp_path / "clip.mp4", range(20), size=(320, 192), options={"g": "5"})
    with av.open(str(path)) as plain:
        packet = list(plain.demux(video=0))[which]
        at, pts = packet.pos + packet.size // 3, packet.pts
    data = bytearray(path.read_bytes())
    data[at : at + 10] = b"\xff" * 10
    path.write_bytes(data)
    with FileSource(path) as source:
        given = [frame.pts for frame in source]
        assert source.damaged == 1
    assert len(given) == 19
    assert pts not in given


def test_truncated_file_gives_what_is_whole(clips, tmp_path):
    path = clips.write(tmp_path / "clip.mkv", range(60), options={"g": "10"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    frames = clips.frames_of(path)
    numbers = [clips.number_of(frame.planes[0]) for frame in frames]
    assert numbers == list(range(len(numbers)))
    assert 20 < len(numbers) < 60


def test_a_codec_that_nobody_knows_is_refused(clips, tmp_path):
    path = clips.write(tmp_path / "clip.mp4")
    data = path.read_bytes()
    at = data.index(b"avc1", data.index(b"stsd"))
    path.write_bytes(data[:at] + b"zzzz" + data[at + 4 :])
    with pytest.raises(
        InputError, match=r"clip\.mp4: its pictures are of a codec that this FFmpeg"
    ):
        FileSource(path)


def write_nothing(path):
    path.touch()


def write_text(path):
    path.write_text("Dear diary,\nno video today.\n" * 100)


def write_noise(path):
    path.write_bytes(np.random.default_rng(0).integers(0, 256, 5000, np.uint8).tobytes())


def write_playlist(path):
    path.write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://192.0.2.1/a.ts\n#EXT-X-ENDLIST\n"
    )


def write_headless_mp4(path):
    path.write_bytes(b"\0\0\0\x18ftypisom\0\0\2\0isomiso2\0\0\x10\0mdat" + bytes(4080))


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("empty.mp4", write_nothing, "the file is empty"),
        ("diary.txt", write_text, "a text file, not a video"),
        ("diary.mp4", write_text, "not a video that FFmpeg can read"),
        ("noise.mkv", write_noise, "not a video that FFmpeg can read"),
        ("list.m3u8", write_playlist, "not a video that FFmpeg can read"),
        ("headless.mp4", write_headless_mp4, "not a video that FFmpeg can read"),
        ("folder.mp4", Path.mkdir, "is a folder, not a video"),
        ("absent.mp4", lambda _: None, "No such file or directory"),
    ],
)
def test_what_is_no_video_is_refused_in_one_line(tmp_path, name, make, reason):
    path = tmp_path / name
    make(path)
    with pytest.raises(InputError) as refusal:
        FileSource(path)
    assert reason in str(refusal.value)
    assert str(refusal.value).startswith(str(path))
    assert "\n" not in str(refusal.value)


def test_sound_alone_is_no_video(tmp_path):
    path = tmp_path / "speech.wav"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=48000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 9600), np.int16), "s16", "stereo")
        silence.sample_rate = 48000
        output.mux(stream.encode(silence))
    with pytest.raises(InputError, match="no video stream in it"):
        FileSource(path)


def test_video_without_a_whole_picture_is_refused(clips, tmp_path):
    path = clips.write(tmp_path / "clip.mp4")
    size = path.read_bytes().index(b"moov") - path.read_bytes().index(b"mdat")
    damage(path, 4, size - 8)
    with pytest.raises(InputError, match="no picture in it can be decoded"):
        FileSource(path)
