"""What a source makes of real files, whole, odd and broken."""

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
from agent.video.file_source import VideoSource
from models.preprocess import rgb_from_yuv


def rgb_of(frame):
    colour = frame.colour
    return rgb_from_yuv(frame.planes, frame.size, colour.matrix, full_range=colour.full_range)


def error_between(image, other):
    """Mean absolute difference of two RGB images, edges of the number cells left out."""
    return np.abs(image.astype(int) - other.astype(int))[image.shape[0] // 2 :].mean()


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
    with VideoSource(path) as source:
        assert source.info.pixel_format == {"libx264rgb": "gbrp"}.get(codec, pixel_format)
        frames = list(source)
    assert [clips.number_of(frame.planes[0]) for frame in frames] == list(range(12))
    for frame in frames:
        assert all(plane.dtype == np.uint8 for plane in frame.planes)
        assert frame.planes[0].shape == (64, 96)
        assert {plane.shape[:2] for plane in frame.planes[1:]} == {(32, 48)}
        assert error_between(rgb_of(frame), clips.picture(frame.index)) < 5


@pytest.mark.parametrize("pixel_format", ["gray", "gray10le"])
def test_grey_pictures_keep_their_greys(clips, tmp_path, pixel_format):
    def even_grey(number, width, height):
        return np.full((height, width, 3), 40 + 15 * number, np.uint8)

    path = clips.write(
        tmp_path / "clip.mkv", codec="ffv1", pixel_format=pixel_format, draw=even_grey
    )
    with av.open(str(path)) as plain:
        stored = [frame.to_ndarray(format="rgb24").mean() for frame in plain.decode(video=0)]
    greys = [rgb_of(frame).mean() for frame in clips.frames_of(path)]
    assert greys == pytest.approx(stored, abs=2)


def test_palette_is_looked_up(clips, tmp_path):
    def quarters(number, width, height):
        image = np.zeros((height, width, 3), np.uint8)
        image[:, width // 2 :, number % 3] = 255
        return image

    path = clips.write(tmp_path / "clip.gif", codec="gif", pixel_format="rgb8", draw=quarters)
    for frame in clips.frames_of(path):
        assert rgb_of(frame)[32, 80].argmax() == frame.index % 3


def test_deep_colour_is_reported_as_lost(clips, tmp_path):
    deep = clips.write(tmp_path / "deep.mkv", codec="ffv1", pixel_format="yuv420p10le")
    with VideoSource(deep) as source:
        assert source.info.notes == ("yuv420p10le is written as 8-bit 4:2:0",)


def test_odd_edge_and_odd_angle_are_reported(clips, tmp_path):
    odd = clips.write(tmp_path / "odd.mkv", codec="ffv1", size=(97, 64))
    with VideoSource(odd) as source:
        assert source.info.notes == ("97x64 is written with its odd edge repeated, to be even",)
    askew = clips.write(tmp_path / "askew.mp4")
    set_display_matrix(askew, (0.75, 0.66, -0.66, 0.75))
    with VideoSource(askew) as source:
        assert source.info.notes == ("a display rotation by -41 degrees is not applied",)
        assert next(source).size == (96, 64)


def test_nothing_is_reported_about_ordinary_video(clip):
    with VideoSource(clip) as source:
        assert source.info.notes == ()


def test_planes_are_views_that_nobody_can_write_and_that_outlive_the_source(clips, clip):
    with VideoSource(clip) as source:
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
        with VideoSource(path) as source:
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
    with VideoSource(path) as source:
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
    with VideoSource(path) as source:
        assert source.info.matrix_code == code
        assert next(source).colour == Colour(matrix, full_range, primaries=9, transfer=16)


@pytest.mark.parametrize(("size", "matrix"), [((96, 64), "bt601"), ((1280, 720), "bt709")])
def test_untagged_matrix_is_guessed_from_the_size_and_stays_untagged(clips, tmp_path, size, matrix):
    path = clips.write(tmp_path / "clip.mkv", range(1), size=size)
    with VideoSource(path) as source:
        assert source.info.colour.matrix == matrix
        assert source.info.matrix_code == 2


# Display matrices (a, b, c, d), and what a camera that writes them has stored.
TURNS = {
    "upright": ((1, 0, 0, 1), lambda image: image),
    "quarter clockwise": ((0, 1, -1, 0), lambda image: np.rot90(image, 1)),
    "half": ((-1, 0, 0, -1), lambda image: np.rot90(image, 2)),
    "quarter counter-clockwise": ((0, -1, 1, 0), lambda image: np.rot90(image, 3)),
    "mirrored": ((-1, 0, 0, 1), np.fliplr),
    "upside down": ((1, 0, 0, -1), np.flipud),
    "transposed": ((0, 1, 1, 0), lambda image: image.transpose(1, 0, 2)),
    "transposed and turned": ((0, -1, -1, 0), lambda i: np.rot90(i.transpose(1, 0, 2), 2)),
}


def set_display_matrix(path, linear):
    """Write the matrix into the first track's header (ISO/IEC 14496-12, 8.3.2)."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    a, b, c, d = linear
    matrix = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 14]) * (1 << 16)
    data[at : at + 36] = matrix.astype(">i4").tobytes()
    path.write_bytes(data)


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p"])
def test_rotation_flag_is_obeyed(clips, tmp_path, turn, pixel_format):
    linear, stored = TURNS[turn]
    upright = clips.picture(0, 64, 96)  # portrait
    height, width = stored(upright).shape[:2]

    def as_stored(number, *_):
        return np.ascontiguousarray(stored(clips.picture(number, 64, 96)))

    path = clips.write(
        tmp_path / "clip.mp4", size=(width, height), draw=as_stored, pixel_format=pixel_format
    )
    set_display_matrix(path, linear)
    with VideoSource(path) as source:
        assert (source.info.width, source.info.height) == (64, 96)
        frames = list(source)
    assert [clips.number_of(frame.planes[0]) for frame in frames] == list(range(12))
    for frame in frames:
        assert error_between(rgb_of(frame), clips.picture(frame.index, 64, 96)) < 5


def test_pixel_aspect_turns_with_the_picture(clips, tmp_path):
    def wide_pixels(_, stream):
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    path = clips.write(tmp_path / "clip.mp4", prepare=wide_pixels)
    set_display_matrix(path, (0, 1, -1, 0))
    with VideoSource(path) as source:
        assert source.info.sample_aspect_ratio == Fraction(3, 4)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_no_picture_is_left_in_the_decoder(clips, tmp_path, threads):
    path = clips.write(tmp_path / "clip.mp4", range(50), options={"bf": "4", "refs": "4"})
    with VideoSource(path, threads=threads) as source:
        assert [clips.number_of(frame.planes[0]) for frame in source] == list(range(50))
        assert source.damaged == 0


def test_raw_stream_without_times_gets_even_ones(clips, tmp_path):
    path = clips.write(tmp_path / "clip.h264")
    frames = clips.frames_of(path)
    assert [clips.number_of(frame.planes[0]) for frame in frames] == list(range(12))
    times = clips.seconds(frames)
    assert times[0] == 0
    assert len({after - before for before, after in pairwise(times)}) == 1


def test_resolution_change_comes_as_it_is(data):
    with VideoSource(data / "videos" / "resolution-change.h264") as source:
        assert (source.info.width, source.info.height) == (848, 464)
        frames = list(source)
        assert source.damaged == 0
    assert [frame.size for frame in frames] == [(848, 464)] * 49 + [(424, 232)] * 47
    assert [frame.index for frame in frames] == list(range(96))
    times = [frame.pts for frame in frames]
    assert all(before < after for before, after in pairwise(times))


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
        VideoSource(path)


def test_camera_may_be_turned_in_mid_stream(clips, tmp_path):
    """H.264 tells so, for one picture, in a display orientation SEI (ITU-T H.264, D.1.27)."""
    quarter_counter_clockwise = b"\0\0\0\1\6\x2f\x03\x08\x00\x09\x80"
    first = clips.write(tmp_path / "first.h264", range(6))
    second = clips.write(tmp_path / "second.h264", range(6))
    both = tmp_path / "both.h264"
    both.write_bytes(first.read_bytes() + quarter_counter_clockwise + second.read_bytes())
    frames = clips.frames_of(both)
    assert [frame.size for frame in frames] == [(96, 64)] * 6 + [(64, 96)] + [(96, 64)] * 5
    assert clips.number_of(np.rot90(frames[6].planes[0], -1)) == 0


def test_interlaced_video_is_refused_with_the_remedy(clips, tmp_path):
    path = clips.write(
        tmp_path / "clip.mp4", options={"flags": "+ilme+ildct", "x264-params": "tff=1"}
    )
    with pytest.raises(InputError, match=r"interlaced; deinterlace it first: ffmpeg .*bwdif"):
        VideoSource(path)


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
    with VideoSource(path, threads=threads) as source:
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


@pytest.mark.slow
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
    with VideoSource(path) as source:
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


def test_closing_in_mid_stream_lets_go_of_the_file(clip):
    def open_files():
        links = Path("/proc/self/fd").iterdir()
        return [link for link in links if link.exists() and link.readlink() == clip]

    source = VideoSource(clip)
    next(source)
    assert open_files()
    source.close()
    assert not open_files()
    source.close()
    with pytest.raises(StopIteration):
        next(source)


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
        VideoSource(path)
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
        VideoSource(path)


def test_video_without_a_whole_picture_is_refused(clips, tmp_path):
    path = clips.write(tmp_path / "clip.mp4")
    size = path.read_bytes().index(b"moov") - path.read_bytes().index(b"mdat")
    damage(path, 4, size - 8)
    with pytest.raises(InputError, match="no picture in it can be decoded"):
        VideoSource(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_is_refused(clip):
    clip.chmod(0)
    with pytest.raises(InputError, match="Permission denied"):
        VideoSource(clip)


def test_a_colon_in_the_name_is_no_protocol(clips, clip, monkeypatch):
    monkeypatch.chdir(clip.parent)
    path = clip.rename("http:clip.mp4")
    assert len(clips.frames_of(path)) == 12


def test_relative_names_are_read(clips, clip, monkeypatch):
    monkeypatch.chdir(clip.parent)
    assert len(clips.frames_of(Path("clip.mp4"))) == 12
