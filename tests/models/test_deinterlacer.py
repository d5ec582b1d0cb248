"""Real streams through the deinterlacer: each picture once, those of two moments made one."""

from fractions import Fraction

import av
import numpy as np
import pytest
from av.filter import Graph

from models.deinterlacer import Deinterlacer

SIZE = 160, 96
GROUND = np.tile(np.uint8([60, 62, 66, 62]), (96, 40))


def moment(at):
    """A bright thing that runs four pixels to the right in each field."""
    picture = GROUND.copy()
    picture[30:70, 8 + 4 * at : 48 + 4 * at] = 200
    return picture


def two_moments(number, *, top_first):
    first, second = moment(2 * number), moment(2 * number + 1)
    picture = (first if top_first else second).copy()
    picture[1::2] = (second if top_first else first)[1::2]
    return picture


def combs(luma):
    """Mean difference between a line and those around it, where the thing's edges are."""
    rows = luma[32:68].astype(int)
    return np.abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2).mean()


def write(path, pictures, *, codec="libx264", top_first=True, pixel_format="yuv420p"):
    """A clip that is coded, and flagged, as interlaced."""
    quality = {"qp": "0"} if codec == "libx264" else {"qscale": "2"}
    # Which field is first is a flag of frames that only a filter can set.
    flags = Graph()
    flags.link_nodes(
        flags.add_buffer(
            width=SIZE[0], height=SIZE[1], format=pixel_format, time_base=Fraction(1, 25)
        ),
        flags.add("setfield", "tff" if top_first else "bff"),
        flags.add("buffersink"),
    ).configure()
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25, options={"flags": "+ilme+ildct", **quality})
        stream.width, stream.height, stream.pix_fmt = *SIZE, pixel_format
        for number, luma in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(luma, "gray").reformat(format=pixel_format)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            flags.push(frame)
            output.mux(stream.encode(flags.vpull()))
        output.mux(stream.encode(None))
    return path


def decoded(path):
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def through(pictures):
    """What comes out, as pairs of a picture and its tag, and how many were deinterlaced."""
    deinterlacer, ready = Deinterlacer(), []
    for number, picture in enumerate(pictures):
        ready += deinterlacer.take(picture, number)
    return ready + deinterlacer.end(), deinterlacer.deinterlaced


def luma_of(picture):
    return picture.reformat(format="gray").to_ndarray()


@pytest.mark.parametrize("top_first", [True, False])
@pytest.mark.parametrize(
    ("codec", "suffix"), [("libx264", ".mkv"), ("libx264", ".ts"), ("mpeg2video", ".ts")]
)
def test_two_moments_become_the_first_one(tmp_path, codec, suffix, top_first):
    pictures = [two_moments(i, top_first=top_first) for i in range(8)]
    before = decoded(write(tmp_path / f"tv{suffix}", pictures, codec=codec, top_first=top_first))
    ready, count = through(before)
    assert count == 8
    assert [tag for _, tag in ready] == list(range(8))
    for number, (picture, _) in enumerate(ready):
        assert not picture.interlaced_frame
        assert (picture.pts, picture.time_base) == (before[number].pts, before[number].time_base)
        assert combs(luma_of(before[number])) > 2.5
        assert combs(luma_of(picture)) < 0.8
        # The kept field's lines are the kept moment's.
        kept = slice(32 if top_first else 33, 68, 2)
        off = np.abs(luma_of(picture)[kept].astype(int) - moment(2 * number)[kept])
        assert off.mean() < 3


@pytest.mark.parametrize("top_first", [True, False])
def test_whole_pictures_in_a_stream_for_fields_are_not_touched(tmp_path, top_first):
    pictures = [moment(2 * i) for i in range(8)]
    before = decoded(write(tmp_path / "film.mkv", pictures, top_first=top_first))
    assert all(picture.interlaced_frame for picture in before)
    ready, count = through(before)
    assert count == 0
    assert all(given is picture for (given, _), picture in zip(ready, before, strict=True))


def test_a_stream_that_is_not_flagged_passes_at_once(tmp_path):
    """Whatever its pictures look like."""
    with av.open(str(tmp_path / "plain.mkv"), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "gray"
        for i in range(4):
            picture = av.VideoFrame.from_ndarray(two_moments(i, top_first=True), "gray")
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    deinterlacer = Deinterlacer()
    for picture in decoded(tmp_path / "plain.mkv"):
        assert deinterlacer.take(picture, "tag") == [(picture, "tag")]
    assert deinterlacer.end() == []


@pytest.mark.parametrize("count", [1, 2, 3])
def test_short_streams_lose_nothing(tmp_path, count):
    pictures = [two_moments(i, top_first=True) for i in range(count)]
    ready, deinterlaced = through(decoded(write(tmp_path / "tv.mkv", pictures)))
    assert [tag for _, tag in ready] == list(range(count))
    assert deinterlaced == count


def test_in_a_mixed_stream_only_the_interlaced_part_is_replaced(tmp_path):
    film = decoded(write(tmp_path / "film.mkv", [moment(2 * i) for i in range(6)]))
    tape = decoded(write(tmp_path / "tv.mkv", [two_moments(i, top_first=True) for i in range(6)]))
    ready, count = through([*film, *tape, *film])
    assert [tag for _, tag in ready] == list(range(18))
    assert [
        picture is given for (picture, _), given in zip(ready, [*film, *tape, *film], strict=True)
    ] == ([True] * 6 + [False] * 6 + [True] * 6)
    assert count == 6


def test_another_size_or_format_in_mid_stream_begins_anew(tmp_path):
    tape = decoded(write(tmp_path / "tv.mkv", [two_moments(i, top_first=True) for i in range(4)]))
    pictures = [two_moments(i, top_first=True) for i in range(4)]
    full = decoded(write(tmp_path / "full.mkv", pictures, pixel_format="yuv422p"))
    ready, count = through([*tape, *full, *tape])
    assert [tag for _, tag in ready] == list(range(12))
    assert [picture.format.name for picture, _ in ready] == (
        ["yuv420p"] * 4 + ["yuv422p"] * 4 + ["yuv420p"] * 4
    )
    assert count == 12


@pytest.mark.parametrize("size", [(2, 2), (16, 4), (4, 16), (16, 16), (17, 19)])
def test_tiny_pictures_come_once(size):
    """And those that the filter would refuse as they are."""
    pictures = []
    for number in range(4):
        grey = np.full(size[::-1], 40 * number, np.uint8)
        pictures.append(av.VideoFrame.from_ndarray(grey, "gray"))
    deinterlacer, ready = Deinterlacer(field_order=2), []
    for number, picture in enumerate(pictures):
        ready += deinterlacer.take(picture, number)
    assert [tag for _, tag in ready + deinterlacer.end()] == [0, 1, 2, 3]
