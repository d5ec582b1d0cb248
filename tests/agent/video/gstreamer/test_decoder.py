"""What GStreamer decodes is what FFmpeg decodes: pictures, times, faults and all."""

import hashlib
import itertools
import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from worlds import until

from agent.errors import InputError
from agent.video.decoders import Decoders
from agent.video.file_source import FileSource

GSTREAMER = Decoders("gstreamer")
"""Of all tests: what a trial found is known from then on."""


def i420(frame):
    """Its planes as bytes, NV12 like I420."""
    luma, *chroma = frame.planes
    if len(chroma) == 1:
        chroma = [chroma[0][..., 0], chroma[0][..., 1]]
    return [hashlib.sha256(np.ascontiguousarray(plane)).hexdigest() for plane in (luma, *chroma)]


def shown(path, decoders=None):
    """All that a source says of a file."""
    with FileSource(path, decoders=decoders) as source:
        frames = [
            (f.pts, f.duration, f.suspect, f.opens_scene, f.index, f.size, f.colour, i420(f))
            for f in source
        ]
        info = replace(source.info, decoder="")
        counts = source.damaged, source.deinterlaced, source.resized, source.repairs
        return frames, info, counts, source.left_out


def assert_same(path):
    theirs, ours = shown(path, GSTREAMER), shown(path)
    for at, (their, our) in enumerate(zip(theirs[0], ours[0], strict=False)):
        assert their == our, at
    assert len(theirs[0]) == len(ours[0])
    assert theirs[1:] == ours[1:]
    return ours


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["01_dog", "05_default_juggle", "bedroom", "bottle-detection", "highway"]
)
def test_of_real_clips_every_pixel_and_every_time_are_ffmpeg_s(data, name):
    frames, *_ = assert_same(data / "videos" / f"{name}.mp4")
    assert len(frames) > 100


def test_a_report_can_name_what_decoded(clip):
    with FileSource(clip, decoders=GSTREAMER) as source:
        assert source.info.decoder == "gstreamer (avdec_h264 ! videoconvert)"
        assert source.copied_s == 0
        next(source)
        assert source.copied_s > 0


def wide_pixels(_, stream):
    stream.codec_context.sample_aspect_ratio = Fraction(4, 3)


def full_range(_, stream):
    stream.codec_context.color_range = 2
    stream.codec_context.colorspace = 1


CLIPS = {
    "b-pictures": {"options": {"bf": "3", "b_strategy": "0", "g": "10"}},
    "a pyramid of them": {"options": {"bf": "7", "b_strategy": "0", "x264-params": "b-pyramid=2"}},
    "open groups": {"options": {"bf": "3", "g": "8", "x264-params": "open-gop=1"}},
    "matroska": {"suffix": ".mkv"},
    "transport stream": {"suffix": ".ts"},
    "raw, without times": {"suffix": ".h264"},
    "avi, without times of presentation": {"suffix": ".avi", "options": {"bf": "2"}},
    "h265": {"codec": "libx265", "options": {"x265-params": "log-level=error:keyint=10"}},
    "h265 in matroska": {
        "codec": "libx265",
        "suffix": ".mkv",
        "options": {"x265-params": "log-level=error"},
    },
    "odd sides": {"size": (97, 65), "pixel_format": "yuv444p", "chroma": False},
    "sides of no multiple of four": {"size": (98, 66)},
    "one pixel": {"size": (2, 2)},
    "wide pixels": {"prepare": wide_pixels},
    "full range": {"prepare": full_range, "pixel_format": "yuvj420p"},
    "ten bits": {"pixel_format": "yuv420p10le", "rounded": True},
    "4:2:2": {"pixel_format": "yuv422p", "chroma": False},
}


@pytest.mark.parametrize("kind", CLIPS)
def test_whatever_the_stream_the_result_is_the_same(clips, tmp_path, kind):
    """But for chroma that has to be scaled down, which each does in its own way."""
    settings = dict(CLIPS[kind])
    chroma, rounded = settings.pop("chroma", True), settings.pop("rounded", False)
    path = tmp_path / f"clip{settings.pop('suffix', '.mp4')}"
    clips.write(path, range(40), **settings)
    if chroma and not rounded:
        frames, *_ = assert_same(path)
        assert len(frames) == 40
        return
    with FileSource(path, decoders=GSTREAMER) as theirs, FileSource(path) as ours:
        assert replace(theirs.info, decoder="") == replace(ours.info, decoder="")
        for their, our in itertools.zip_longest(theirs, ours):
            assert (their.pts, their.duration, their.size) == (our.pts, our.duration, our.size)
            off = np.abs(their.planes[0].astype(int) - our.planes[0])
            assert off.max() <= (1 if rounded else 0)


@pytest.mark.parametrize("linear", [(0, 1, -1, 0), (-1, 0, 0, 1)])
def test_a_turned_file_comes_out_upright(clips, tmp_path, linear):
    path = clips.write(tmp_path / "clip.mp4")
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    a, b, c, d = linear
    matrix = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 14]) * (1 << 16)
    data[at : at + 36] = matrix.astype(">i4").tobytes()
    path.write_bytes(data)
    assert_same(path)


def test_pictures_of_two_moments_become_pictures_of_one(clips, tmp_path):
    def moment(at, width, height):
        image = np.full((height, width, 3), 60, np.uint8)
        image[8:-8, 4 + 3 * at : 28 + 3 * at] = 200
        return image

    def two_moments(number, width, height):
        image = moment(2 * number + 1, width, height)
        image[1::2] = moment(2 * number, width, height)[1::2]
        return image

    path = clips.write(tmp_path / "tv.mp4", options={"flags": "+ilme+ildct"}, draw=two_moments)
    *_, counts, _ = assert_same(path)
    assert counts[1] == 12


def test_pictures_that_change_their_size_do_so_as_ever(clips, tmp_path):
    parts = []
    for number, size in enumerate([(96, 64), (192, 128), (64, 96)]):
        part = clips.write(tmp_path / f"{number}.h264", range(6), size=size)
        parts.append(part.read_bytes())
    path = tmp_path / "joined.h264"
    path.write_bytes(b"".join(parts))
    frames, _, counts, _ = assert_same(path)
    assert counts[2] == 12
    assert [frame[4] for frame in frames if frame[3]] == [6, 12]


def test_a_real_stream_changes_its_size(data):
    _, _, counts, _ = assert_same(data / "videos" / "resolution-change.h264")
    assert counts[2] == 47


@pytest.mark.parametrize("share", [0.4, 0.5, 0.8])
def test_half_a_file_gives_the_same_half_and_the_same_faults(clips, tmp_path, share):
    options = {"g": "10", "bf": "2"}
    path = clips.write(tmp_path / "clip.mkv", range(60), size=(320, 192), options=options)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    frames, *_ = assert_same(path)
    assert 10 < len(frames) < 60


def test_half_a_real_mp4_gives_the_same_half_and_the_same_faults(data, tmp_path):
    whole = (data / "videos" / "05_default_juggle.mp4").read_bytes()
    path = tmp_path / "half.mp4"
    path.write_bytes(whole[: len(whole) // 2])
    frames, _, counts, _ = assert_same(path)
    assert len(frames) == 94
    assert counts[0] == 1
    assert any(frame[2] for frame in frames)


@pytest.mark.parametrize("which", [23, 24, 25, 26])
def test_a_picture_that_is_lost_makes_what_builds_on_it_suspect(clips, tmp_path, which):
    """Of one whose data is nonsense; what a decoder fills in by a guess, it tells nobody of."""
    path = clips.write(tmp_path / "clip.mp4", range(60), options={"g": "10", "bf": "2"})
    with av.open(str(path)) as container:
        packet = list(container.demux(video=0))[which]
        at, size, lost = packet.pos, packet.size, packet.pts
    data = bytearray(path.read_bytes())
    data[at : at + size] = b"\xff" * size
    path.write_bytes(data)
    (theirs, _, counts, _), (ours, *_) = shown(path, GSTREAMER), shown(path)
    assert counts[0] == 1
    given = [frame[0] for frame in theirs]
    assert lost not in given
    assert len(given) == 59
    trusted = {frame[0]: frame[-1] for frame in ours if not frame[2]}
    for pts, _, suspect, *_, planes in theirs:
        if not suspect:
            assert trusted.get(pts) == planes, pts
    assert 3 <= sum(frame[2] for frame in theirs) <= 20


@pytest.mark.parametrize("which", [14, 20])
def test_of_what_a_transport_stream_has_lost_nothing_is_trusted(clips, tmp_path, which):
    def noisy(number, width, height):
        return np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)

    options = {"g": "10", "bf": "0", "sc_threshold": "0"}
    path = clips.write(tmp_path / "clip.ts", range(40), draw=noisy, options=options)
    with av.open(str(path)) as container:
        packets = list(container.demux(video=0))
    lost = packets[which].pos + 188 * 8  # of some thirty TS packets
    data = path.read_bytes()
    path.write_bytes(data[:lost] + data[lost + 188 :])
    theirs, _, counts, _ = shown(path, GSTREAMER)
    trusted = {frame[0]: frame[-1] for frame in shown(path)[0] if not frame[2]}
    assert all(trusted.get(frame[0]) == frame[-1] for frame in theirs if not frame[2])
    assert sum(frame[2] for frame in theirs) == 10 - which % 10
    assert counts[0] == 1


def test_frames_that_are_kept_stay_what_they_were_while_decoding_goes_on(clips, tmp_path):
    path = clips.write(tmp_path / "clip.mp4", range(260))
    with FileSource(path, decoders=GSTREAMER) as source:
        kept = list(itertools.islice(source, 200))
        before = [i420(frame) for frame in kept]
        for frame in source:  # sixty more, into what memory there is
            assert frame.index >= 200
    assert [i420(frame) for frame in kept] == before
    assert [clips.number_of(frame.planes[0]) for frame in kept] == [n % 64 for n in range(200)]


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_source_that_is_closed_leaves_no_thread_and_no_descriptor(clip):
    with FileSource(clip, decoders=GSTREAMER) as source:  # what is opened once stays open
        list(source)
    before = held()
    for count in (0, 1, 12):
        with FileSource(clip, decoders=GSTREAMER) as source:
            list(itertools.islice(source, count))
    # GStreamer keeps threads for its next pipeline, one more or less.
    until(lambda: all(now <= then + 1 for now, then in zip(held(), before, strict=True)))


def held():
    """Threads, Python's and others, and descriptors."""
    threads = len(list(Path("/proc/self/task").iterdir())), threading.active_count()
    return (*threads, descriptors())


@pytest.mark.parametrize(
    ("codec", "pixel_format", "said"),
    [
        ("mpeg4", "yuv420p", "only H.264 and H.265 can be; --decoder pyav can"),
        ("libx264rgb", "bgr0", "its pictures are RGB; --decoder pyav can"),
    ],
)
def test_what_is_none_of_its_kinds_is_said_in_a_line(clips, tmp_path, codec, pixel_format, said):
    path = clips.write(tmp_path / "clip.mp4", codec=codec, pixel_format=pixel_format)
    with pytest.raises(InputError) as caught:
        FileSource(path, decoders=GSTREAMER)
    assert str(caught.value) == f"{path}: can't be decoded by gstreamer: {said}"


def test_a_file_without_a_picture_is_refused_as_ever(clip):
    data = bytearray(clip.read_bytes())
    at = data.index(b"mdat") + 4
    data[at : data.index(b"moov") - 4] = bytes(data.index(b"moov") - 4 - at)
    clip.write_bytes(data)
    for decoders in (None, GSTREAMER):
        with pytest.raises(InputError, match="no picture in it can be decoded"):
            FileSource(clip, decoders=decoders)


def test_sound_comes_as_ever(clips, tmp_path):
    path = clips.write(tmp_path / "clip.mp4", sound="aac")
    packets = []
    for decoders in (None, GSTREAMER):
        with FileSource(path, decoders=decoders, sound=True) as source:
            list(source)
            packets.append([(p.pts, bytes(p)) for p in source.sound.take(None)])
    assert packets[0] == packets[1]
    assert packets[0]
    with av.open(str(path)) as container:
        assert container.streams.audio
