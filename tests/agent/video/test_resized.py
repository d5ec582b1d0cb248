"""Pictures that become larger, smaller or of another shape in mid-stream."""

from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest

from agent.frames.frame import Colour
from agent.video.file_source import FileSource

COUNT = 6


@pytest.fixture
def joined(clips, tmp_path):
    """A raw stream of six pictures of each size."""

    def write(*sizes, codec="libx264", suffix=".h264", **settings):
        parts = []
        for number, size in enumerate(sizes):
            part = tmp_path / f"{number}{suffix}"
            clips.write(part, range(COUNT), codec=codec, size=size, **settings)
            parts.append(part.read_bytes())
        path = tmp_path / f"joined{suffix}"
        path.write_bytes(b"".join(parts))
        return path

    return write


def numbers(clips, frames, box=(0, 0, 96, 64)):
    left, top, right, bottom = box
    return [clips.number_of(frame.planes[0][top:bottom, left:right]) for frame in frames]


@pytest.mark.slow
@pytest.mark.parametrize(
    "sizes",
    [
        [(96, 64), (192, 128)],
        [(96, 64), (48, 32)],
        [(96, 64), (1536, 1024)],  # sixteen times
        [(96, 64), (192, 128), (48, 32), (96, 64), (384, 256)],
    ],
)
def test_the_output_keeps_its_size_and_every_picture_comes_once(clips, joined, sizes):
    path = joined(*sizes)
    with FileSource(path) as source:
        assert (source.info.width, source.info.height) == (96, 64)
        frames = list(source)
        assert source.resized == COUNT * sum(size != (96, 64) for size in sizes)
        assert source.damaged == 0
    assert {frame.size for frame in frames} == {(96, 64)}
    assert numbers(clips, frames) == [*range(COUNT)] * len(sizes)
    assert [frame.index for frame in frames] == list(range(COUNT * len(sizes)))
    assert all(before.pts < after.pts for before, after in pairwise(frames))
    assert {frame.duration for frame in frames} == {frames[1].pts - frames[0].pts}
    changes = [i * COUNT for i, (a, b) in enumerate(pairwise(sizes), 1) if a != b]
    assert [frame.index for frame in frames if frame.opens_scene] == changes


def test_portrait_is_shown_between_bars(clips, joined):
    frames = clips.frames_of(joined((96, 64), (64, 96)))
    assert numbers(clips, frames[COUNT:], (26, 0, 68, 64)) == list(range(COUNT))
    for frame in frames[COUNT:]:
        assert (frame.planes[0][:, :26] == 16).all()
        assert (frame.planes[0][:, 68:] == 16).all()


def test_the_first_picture_may_be_the_smallest(clips, joined):
    frames = clips.frames_of(joined((16, 16), (96, 64)))
    assert [frame.size for frame in frames] == [(16, 16)] * 2 * COUNT
    assert [frame.index for frame in frames if frame.opens_scene] == [COUNT]


def test_odd_sizes_change_too(clips, joined):
    path = joined((97, 65), (33, 17), codec="mjpeg", suffix=".mjpeg", pixel_format="yuvj420p")
    frames = clips.frames_of(path)
    assert [frame.size for frame in frames] == [(97, 65)] * 2 * COUNT


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
def test_what_a_browser_records_grows_with_its_line(clips, tmp_path, codec):
    """WebM whose header says one size, and whose key pictures say others."""
    path, at = tmp_path / "call.webm", 0
    with av.open(str(path), "w") as output:
        target = output.add_stream(codec, rate=25)
        target.width, target.height, target.pix_fmt = 96, 64, "yuv420p"
        for size in ((96, 64), (192, 128), (48, 32)):
            part = clips.write(
                tmp_path / "part.webm", range(COUNT), codec=codec, size=size, options={"crf": "4"}
            )
            with av.open(str(part)) as container:
                for packet in container.demux(video=0):
                    if packet.size:
                        packet.pts = packet.dts = at * 40
                        packet.time_base, packet.stream = Fraction(1, 1000), target
                        output.mux(packet)
                        at += 1
    frames = clips.frames_of(path)
    assert numbers(clips, frames) == [*range(COUNT)] * 3
    assert [frame.index for frame in frames if frame.opens_scene] == [COUNT, 2 * COUNT]


def test_another_pixel_format_is_no_other_scene(clips, tmp_path):
    parts = [
        clips.write(tmp_path / f"{name}.h264", range(COUNT), pixel_format=name).read_bytes()
        for name in ("yuv420p", "yuv444p", "yuv420p")
    ]
    path = tmp_path / "joined.h264"
    path.write_bytes(b"".join(parts))
    frames = clips.frames_of(path)
    assert numbers(clips, frames) == [*range(COUNT)] * 3
    assert not any(frame.opens_scene for frame in frames)


def tagged(code, *, full_range):
    def prepare(_, stream):
        context = stream.codec_context
        context.colorspace, context.color_range = code, 2 if full_range else 1

    return prepare


def test_colours_that_are_coded_in_another_way_come_in_the_first_one(clips, tmp_path):
    """An output has one set of tags."""

    def orange(*_):
        return np.full((64, 96, 3), (220, 120, 30), np.uint8)

    first = clips.write(tmp_path / "a.h264", range(COUNT), prepare=tagged(6, full_range=False))
    second = tmp_path / "b.h264"
    with av.open(str(second), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"crf": "4"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        tagged(1, full_range=True)(None, stream)
        for _ in range(COUNT):
            picture = av.VideoFrame.from_ndarray(orange(), "rgb24").reformat(
                format="yuv420p", dst_colorspace="ITU709", dst_color_range="JPEG"
            )
            picture.colorspace, picture.color_range = 1, 2
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    joined = tmp_path / "joined.h264"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    frames = clips.frames_of(joined)
    assert {frame.colour for frame in frames} == {frames[0].colour}
    assert (frames[0].colour.matrix, frames[0].colour.full_range) == ("bt601", False)
    for frame in frames[COUNT:]:
        assert np.abs(clips.rgb_of(frame).astype(int) - (220, 120, 30)).mean() < 4


@pytest.mark.slow
def test_untagged_pictures_that_grow_are_read_as_before(clips, joined):
    """Who sends them larger has not changed its mind about colours."""
    frames = clips.frames_of(joined((96, 64), (1280, 720)))
    assert {frame.colour for frame in frames} == {Colour("bt601", full_range=False)}


def test_pixels_that_become_wider_make_the_picture_wider(clips, tmp_path):
    """As broadcasts do between programmes, in pictures of one size."""
    parts = []
    for aspect in (Fraction(16, 15), Fraction(64, 45), Fraction(16, 15)):

        def prepare(_, stream, aspect=aspect):
            stream.codec_context.sample_aspect_ratio = aspect

        part = tmp_path / f"{aspect.numerator}.m2v"
        clips.write(
            part,
            range(COUNT),
            codec="mpeg2video",
            size=(720, 576),
            prepare=prepare,
            options={"qscale": "2"},
        )
        parts.append(part.read_bytes())
    path = tmp_path / "programme.m2v"
    path.write_bytes(b"".join(parts))
    with FileSource(path) as source:
        assert source.info.sample_aspect_ratio == Fraction(16, 15)
        frames = list(source)
        assert source.resized == COUNT
    assert [frame.index for frame in frames if frame.opens_scene] == [COUNT, 2 * COUNT]
    assert numbers(clips, frames[COUNT : 2 * COUNT], (0, 72, 720, 504)) == list(range(COUNT))
    assert (frames[COUNT].planes[0][:70] < 20).all()


@pytest.mark.slow
def test_the_given_recording(data):
    with FileSource(data / "videos" / "resolution-change.h264") as source:
        frames = list(source)
        assert source.damaged == 0
    assert [frame.size for frame in frames] == [(848, 464)] * 96
    assert [frame.index for frame in frames if frame.opens_scene] == [49]
