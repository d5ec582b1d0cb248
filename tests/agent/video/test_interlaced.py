"""Interlaced files give pictures of one moment; whole pictures coded as interlaced are let be."""

import av
import numpy as np
import pytest

from agent.video.file_source import FileSource

INTERLACED = {"flags": "+ilme+ildct"}


def moment(at, width, height):
    """A bright thing that runs to the right over a dark ground."""
    image = np.full((height, width, 3), 60, np.uint8)
    image[8:-8, 4 + 3 * at : 28 + 3 * at] = 200
    return image


def two_moments(number, width, height):
    """Lower field first, as PyAV flags what says nothing of it."""
    image = moment(2 * number + 1, width, height)
    image[1::2] = moment(2 * number, width, height)[1::2]
    return image


def whole(number, width, height):
    return moment(2 * number, width, height)


def combs(luma):
    rows = luma[10:-10].astype(int)
    return np.abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2).mean()


@pytest.mark.parametrize(
    ("codec", "pixel_format", "suffix"),
    [
        ("libx264", "yuv420p", ".mp4"),
        ("libx264", "yuv422p10le", ".mkv"),
        ("mpeg2video", "yuv420p", ".ts"),
        ("mpeg2video", "yuv422p", ".mpg"),
        ("mpeg2video", "yuv420p", ".mxf"),
        ("prores_ks", "yuv422p10le", ".mov"),
    ],
)
def test_every_picture_comes_once_and_without_combs(clips, tmp_path, codec, pixel_format, suffix):
    options = INTERLACED if codec == "libx264" else INTERLACED | {"qscale": "2"}
    path = clips.write(
        tmp_path / f"tv{suffix}",
        codec=codec,
        pixel_format=pixel_format,
        options=options,
        draw=two_moments,
    )
    with av.open(str(path)) as container:
        stored = list(container.decode(video=0))
    with FileSource(path) as source:
        frames = list(source)
        assert source.deinterlaced == 12
        assert source.damaged == 0
        ticks = source.info.time_base
    assert len(frames) == len(stored) == 12
    start = stored[0].pts  # of a running clock, which begins at zero
    spans = [((p.pts - start) * p.time_base, p.duration * p.time_base) for p in stored]
    assert [(frame.pts * ticks, frame.duration * ticks) for frame in frames] == spans
    for frame, picture in zip(frames, stored, strict=True):
        assert combs(picture.to_ndarray(format="gray")) > 2
        assert combs(frame.planes[0]) < 1


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_whole_pictures_are_not_touched(clips, tmp_path, codec):
    path = clips.write(tmp_path / "film.ts", codec=codec, options=INTERLACED, draw=whole)
    with av.open(str(path)) as container:
        stored = [picture.to_ndarray()[:64, :96] for picture in container.decode(video=0)]
    with FileSource(path) as source:
        frames = list(source)
        assert source.deinterlaced == 0
    for frame, luma in zip(frames, stored, strict=True):
        assert np.array_equal(frame.planes[0], luma)


@pytest.mark.parametrize("order", [(whole, two_moments, whole), (two_moments, whole, two_moments)])
def test_interlaced_parts_may_begin_in_mid_file(clips, tmp_path, order):
    parts = []
    for number, draw in enumerate(order):
        options = INTERLACED if draw is two_moments else {}
        part = clips.write(tmp_path / f"{number}.h264", draw=draw, options=options)
        parts.append(part.read_bytes())
    path = tmp_path / "mixed.h264"
    path.write_bytes(b"".join(parts))
    with FileSource(path) as source:
        frames = list(source)
        assert source.deinterlaced == 12 * order.count(two_moments)
    assert len(frames) == 36
    assert max(combs(frame.planes[0]) for frame in frames) < 1
    times = [frame.pts for frame in frames]
    assert times == sorted(set(times))


def test_another_size_in_mid_file(clips, tmp_path):
    parts = [
        clips.write(tmp_path / f"{size[0]}.h264", size=size, draw=two_moments, options=INTERLACED)
        for size in ((96, 64), (192, 128))
    ]
    path = tmp_path / "joined.h264"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    with FileSource(path) as source:
        frames = list(source)
        assert source.deinterlaced == 24
    assert [frame.size for frame in frames] == [(96, 64)] * 24
    assert [frame.index for frame in frames if frame.opens_scene] == [12]


def test_what_is_suspect_stays_so(clips, tmp_path):
    """The filter holds a picture back; its mark waits with it."""
    path = clips.write(
        tmp_path / "tv.mp4",
        range(30),
        size=(320, 192),
        draw=lambda number, *size: two_moments(number % 8, *size),
        options=INTERLACED | {"g": "10", "bf": "0"},
    )
    with av.open(str(path)) as plain:
        packet = list(plain.demux(video=0))[13]
        at = packet.pos + packet.size // 3
    data = bytearray(path.read_bytes())
    data[at : at + 10] = b"\xff" * 10
    path.write_bytes(data)
    with FileSource(path) as source:
        frames = list(source)
        ticks = source.info.time_base
        assert source.damaged == 1
        assert source.deinterlaced > 20
    suspect = [int(frame.pts * ticks * 25) for frame in frames if frame.suspect]
    assert suspect == [14, 15, 16, 17, 18, 19]


@pytest.mark.skipif(
    int(av.__version__.split(".")[0]) < 18, reason="PyAV 17 doesn't hand on the order of fields"
)
@pytest.mark.parametrize("order", ["tt", "bb"])
def test_where_only_the_container_says_it(clips, tmp_path, order):
    """Motion JPEG doesn't; QuickTime has a box for it."""

    def draw(number, *size):
        image = two_moments(number, *size)  # lower field first
        return image if order == "bb" else np.roll(image, 1, axis=0)

    path = clips.write(
        tmp_path / "tv.mov",
        codec="mjpeg",
        pixel_format="yuvj420p",
        draw=draw,
        options={"qscale": "1"},
        prepare=lambda _, stream: setattr(
            stream.codec_context, "field_order", {"tt": 2, "bb": 3}[order]
        ),
    )
    with FileSource(path) as source:
        frames = list(source)
        assert source.deinterlaced == 12
    assert max(combs(frame.planes[0]) for frame in frames) < 1.5
