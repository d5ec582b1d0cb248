"""What a source makes of real files, whole and odd."""

import gc
import os
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from agent.errors import InputError
from agent.frames.frame import Colour
from agent.video.file_source import FileSource


@pytest.mark.parametrize(
    ("codec", "pixel_format", "suffix"),
    [
        ("libx264", "yuv420p", ".mp4"),
        ("libx264", "yuv420p10le", ".mp4"),
        ("libx264", "yuv422p", ".mp4"),
        ("libx264", "yuv444p", ".mp4"),
        ("libx265", "yuv420p10le", ".mp4"),
        ("libx264rgb", "bgr0", ".mp4"),
        ("mpeg4", "yuv420p", ".avi"),
        ("mjpeg", "yuvj420p", ".mkv"),
        ("mjpeg", "yuvj422p", ".mov"),
        ("png", "rgb24", ".mov"),
        ("png", "rgba", ".mov"),
        ("ffv1", "yuv444p16le", ".mkv"),
        ("ffv1", "yuva420p", ".mkv"),
        ("ffv1", "bgr0", ".mkv"),
        ("rawvideo", "nv12", ".nut"),
        ("rawvideo", "uyvy422", ".nut"),
        ("rawvideo", "rgb565le", ".nut"),
    ],
)
def test_every_pixel_format_comes_as_8_bit_420_of_the_same_colours(
    clips, tmp_path, codec, pixel_format, suffix
):
    options = {"crf": "1"} if codec == "libx265" else {"qscale": "1"}
    path = clips.write(
        tmp_path / f"clip{suffix}",
        codec=codec,
        pixel_format=pixel_format,
        options=options if codec in {"libx265", "mjpeg", "mpeg4"} else {},
    )
    with FileSource(path) as source:
        assert source.info.pixel_format == {"libx264rgb": "gbrp"}.get(codec, pixel_format)
        frames = list(source)
    assert [clips.number_of(frame.planes[0]) for frame in frames] == list(range(12))
    for frame in frames:
        assert all(plane.dtype == np.uint8 for plane in frame.planes)
        assert frame.planes[0].shape == (64, 96)
        assert {plane.shape[:2] for plane in frame.planes[1:]} == {(32, 48)}
        assert clips.error_between(clips.rgb_of(frame), clips.picture(frame.index)) < 5


@pytest.mark.parametrize("pixel_format", ["gray", "gray10le"])
def test_grey_pictures_keep_their_greys(clips, tmp_path, pixel_format):
    def even_grey(number, width, height):
        return np.full((height, width, 3), 40 + 15 * number, np.uint8)

    path = clips.write(
        tmp_path / "clip.mkv", codec="ffv1", pixel_format=pixel_format, draw=even_grey
    )
    with av.open(str(path)) as plain:
        stored = [frame.to_ndarray(format="rgb24").mean() for frame in plain.decode(video=0)]
    greys = [clips.rgb_of(frame).mean() for frame in clips.frames_of(path)]
    assert greys == pytest.approx(stored, abs=2)


def test_palette_is_looked_up(clips, tmp_path):
    def quarters(number, width, height):
        image = np.zeros((height, width, 3), np.uint8)
        image[:, width // 2 :, number % 3] = 255
        return image

    path = clips.write(tmp_path / "clip.gif", codec="gif", pixel_format="rgb8", draw=quarters)
    for frame in clips.frames_of(path):
        assert clips.rgb_of(frame)[32, 80].argmax() == frame.index % 3


def test_deep_colour_is_reported_as_lost(clips, tmp_path):
    deep = clips.write(tmp_path / "deep.mkv", codec="ffv1", pixel_format="yuv420p10le")
    with FileSource(deep) as source:
        assert source.info.notes == ("yuv420p10le is written as 8-bit 4:2:0",)


def test_nothing_is_reported_about_ordinary_video(clip):
    with FileSource(clip) as source:
        assert source.info.notes == ()


def test_planes_are_views_that_nobody_can_write_and_that_outlive_the_source(clips, clip):
    with FileSource(clip) as source:
        frame = next(source)
    gc.collect()
    assert clips.number_of(frame.planes[0]) == 0
    assert not any(plane.flags.owndata or plane.flags.writeable for plane in frame.planes)
    with pytest.raises(ValueError, match="read-only"):
        frame.planes[0][0, 0] = 0


@pytest.mark.slow
def test_pictures_are_freed_without_the_garbage_collector(clips, tmp_path):
    path = clips.write(tmp_path / "clip.mp4", range(60), size=(1280, 720), options={"crf": "30"})

    def resident_bytes():
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    gc.disable()
    try:
        with FileSource(path) as source:
            for frame in source:
                if frame.index == 20:
                    early = resident_bytes()
        assert resident_bytes() - early < 20e6  # all forty would be 55 MB
    finally:
        gc.enable()


@pytest.mark.parametrize("size", [(97, 65), (96, 65), (97, 64), (33, 17)])
@pytest.mark.parametrize("codec", ["ffv1", "mjpeg"])
def test_odd_sizes_stay_odd_and_chroma_rounds_up(clips, tmp_path, codec, size):
    pixel_format = "yuv420p" if codec == "ffv1" else "yuvj420p"
    path = clips.write(tmp_path / "c.mkv", codec=codec, pixel_format=pixel_format, size=size)
    width, height = size
    frames = clips.frames_of(path)
    assert len(frames) == 12
    for frame in frames:
        assert [plane.shape for plane in frame.planes] == [
            (height, width),
            ((height + 1) // 2, (width + 1) // 2),
            ((height + 1) // 2, (width + 1) // 2),
        ]


def test_stream_is_described(clips, tmp_path):
    def wide_pixels(_, stream):
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    path = clips.write(tmp_path / "clip.mp4", sound="aac", prepare=wide_pixels)
    with FileSource(path) as source:
        info = source.info
    assert (info.width, info.height, info.codec, info.frames) == (96, 64, "h264", 12)
    assert info.frame_rate == 25
    assert info.sample_aspect_ratio == Fraction(4, 3)
    assert info.has_audio
    assert info.duration_s == pytest.approx(0.48, abs=0.01)


@pytest.mark.parametrize(
    ("code", "matrix"), [(1, "bt709"), (5, "bt601"), (6, "bt601"), (9, "bt2020")]
)
@pytest.mark.parametrize("full_range", [False, True])
def test_colour_tags_are_read(clips, tmp_path, code, matrix, full_range):
    def tag(_, stream):
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc = code, 9, 16
        context.color_range = 2 if full_range else 1

    path = clips.write(tmp_path / "clip.mp4", prepare=tag)
    with FileSource(path) as source:
        assert source.info.matrix_code == code
        assert next(source).colour == Colour(matrix, full_range, primaries=9, transfer=16)


@pytest.mark.parametrize(("size", "matrix"), [((96, 64), "bt601"), ((1280, 720), "bt709")])
def test_untagged_matrix_is_guessed_from_the_size_and_stays_untagged(clips, tmp_path, size, matrix):
    path = clips.write(tmp_path / "clip.mkv", range(1), size=size)
    with FileSource(path) as source:
        assert source.info.colour.matrix == matrix
        assert source.info.matrix_code == 2


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_no_picture_is_left_in_the_decoder(clips, tmp_path, threads):
    path = clips.write(tmp_path / "clip.mp4", range(50), options={"bf": "4", "refs": "4"})
    with FileSource(path, threads=threads) as source:
        assert [clips.number_of(frame.planes[0]) for frame in source] == list(range(50))
        assert source.damaged == 0


def test_raw_stream_without_times_gets_even_ones(clips, tmp_path):
    path = clips.write(tmp_path / "clip.h264")
    frames = clips.frames_of(path)
    assert [clips.number_of(frame.planes[0]) for frame in frames] == list(range(12))
    times = clips.seconds(frames)
    assert times[0] == 0
    assert len({after - before for before, after in pairwise(times)}) == 1


def add_cover(output, _):
    cover = output.add_stream("mjpeg", rate=1)
    cover.width, cover.height, cover.pix_fmt = 640, 480, "yuvj420p"
    cover.disposition = av.stream.Disposition.attached_pic.value
    image = av.VideoFrame.from_ndarray(np.full((480, 640, 3), 200, np.uint8), "rgb24")
    image.pts = 0
    output.mux(cover.encode(image.reformat(format="yuvj420p")))


def test_cover_art_is_not_the_video(clips, tmp_path):
    path = clips.write(tmp_path / "clip.mp4", prepare=add_cover)
    with av.open(str(path)) as plain:
        assert len(plain.streams.video) == 2
    assert [frame.size for frame in clips.frames_of(path)] == [(96, 64)] * 12


def test_song_with_cover_art_is_no_video(tmp_path):
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w", format="mp4") as output:
        stream = output.add_stream("aac", rate=48000)
        add_cover(output, None)
        silence = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
        silence.sample_rate = 48000
        output.mux(stream.encode(silence) + stream.encode(None))
    with pytest.raises(InputError, match="no video stream in it"):
        FileSource(path)


def test_closing_in_mid_stream_lets_go_of_the_file(clip):
    def open_files():
        links = Path("/proc/self/fd").iterdir()
        return [link for link in links if link.exists() and link.readlink() == clip]

    source = FileSource(clip)
    next(source)
    assert open_files()
    source.close()
    assert not open_files()
    source.close()
    with pytest.raises(StopIteration):
        next(source)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_is_refused(clip):
    clip.chmod(0)
    with pytest.raises(InputError, match="Permission denied"):
        FileSource(clip)


def test_a_colon_in_the_name_is_no_protocol(clips, clip, monkeypatch):
    monkeypatch.chdir(clip.parent)
    path = clip.rename("http:clip.mp4")
    assert len(clips.frames_of(path)) == 12


def test_relative_names_are_read(clips, clip, monkeypatch):
    monkeypatch.chdir(clip.parent)
    assert len(clips.frames_of(Path("clip.mp4"))) == 12
