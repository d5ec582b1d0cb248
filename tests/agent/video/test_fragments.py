"""What is left of a recording that was cut off, wherever that was."""

import shutil
import subprocess
from fractions import Fraction

import av
import numpy as np
import pytest
from recording import INFO, file_sink, numbered

from agent.video.fragments import cut_to_whole, whole_bytes


@pytest.fixture(scope="module")
def fragmented(tmp_path_factory):
    """Five seconds in fragments of half a second; the file's bytes."""
    path = tmp_path_factory.mktemp("fragments") / "out.mp4"
    with file_sink(path, INFO, fragmented=True, gop_s=2) as sink:
        for n in range(125):
            sink.write(numbered(n, n))
        sink.finish()
    return path.read_bytes()


def boxes_of(data):
    """Kind and end of each top-level box; simple, for all of these lengths fit in 32 bits."""
    at, boxes = 0, []
    while at < len(data):
        at, kind = at + int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        boxes.append((kind, at))
    return boxes


def fragment_ends(data):
    return [end for kind, end in boxes_of(data) if kind == b"mdat"]


def times_in(path):
    with av.open(f"file:{path}") as container:
        stream = container.streams.video[0]
        return [picture.pts * stream.time_base for picture in container.decode(stream)]


def test_a_fragment_lasts_half_a_second(fragmented):
    kinds = [kind for kind, _ in boxes_of(fragmented)]
    assert kinds[:2] == [b"ftyp", b"moov"]
    assert kinds[2:-1] == [b"moof", b"mdat"] * len(fragment_ends(fragmented))
    assert kinds[-1] == b"mfra"
    assert len(fragment_ends(fragmented)) in range(9, 13)


def test_at_every_byte_what_is_whole_is_known(fragmented, tmp_path):
    ends = [0, *fragment_ends(fragmented)]
    path = tmp_path / "cut.mp4"
    path.write_bytes(fragmented)
    with path.open("rb") as file:
        for size in range(len(fragmented) + 1):
            assert whole_bytes(file, size) == max(end for end in ends if end <= size)


def cuts(data):
    """Around every box's borders, and anywhere."""
    borders = {end + by for _, end in boxes_of(data) for by in (-1, 0, 1)}
    anywhere = np.random.default_rng(3).integers(0, len(data), 20).tolist()
    return sorted({0, *(cut for cut in borders if cut <= len(data)), *anywhere})


@pytest.mark.slow
def test_cut_anywhere_it_plays_all_whole_fragments_or_is_gone(fragmented, tmp_path):
    ends = fragment_ends(fragmented)
    lengths = {0}
    for cut in cuts(fragmented):
        path = tmp_path / f"{cut}.mp4"
        path.write_bytes(fragmented[:cut])
        kept = cut_to_whole(path)
        whole = sum(end <= cut for end in ends)
        assert kept == path.exists() == (whole > 0)
        if kept:
            assert path.stat().st_size == ends[whole - 1]
            times = times_in(path)
            assert times[0] == 0
            assert times == sorted(set(times))
            assert len(times) >= min(12 * whole, 124)
            lengths.add(len(times))
    assert max(lengths) == 125
    assert len(lengths) == len(ends) + 1


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
def test_ffmpeg_finds_nothing_amiss_with_what_was_cut(fragmented, tmp_path):
    path = tmp_path / "cut.mp4"
    path.write_bytes(fragmented[: fragment_ends(fragmented)[5] + 200])
    assert cut_to_whole(path)
    played = subprocess.run(
        ["ffmpeg", "-v", "warning", "-i", path, "-f", "null", "-"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert played.stderr == ""


def test_what_is_behind_the_last_fragment_goes_too(fragmented, tmp_path):
    path, end = tmp_path / "out.mp4", fragment_ends(fragmented)[-1]
    for tail in (b"\0" * 5000, b"noise" * 100, (10**6).to_bytes(4, "big") + b"mdat"):
        path.write_bytes(fragmented[:end] + tail)
        assert cut_to_whole(path)
        assert path.read_bytes() == fragmented[:end]


def test_a_long_box_is_walked_too(fragmented, tmp_path):
    """As libav writes those that don't fit in 32 bits."""
    path, end = tmp_path / "out.mp4", fragment_ends(fragmented)[0]
    begin = next(end for kind, end in boxes_of(fragmented) if kind == b"moof")
    body = fragmented[begin + 8 : end]
    large = (1).to_bytes(4, "big") + b"mdat" + (len(body) + 16).to_bytes(8, "big") + body
    path.write_bytes(fragmented[:begin] + large + b"cut off")
    assert cut_to_whole(path)
    assert path.stat().st_size == end + 8


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 100, b"not a video at all", b"\0\0\0\x10ftypisom\0\0\0\0" * 3]
)
def test_a_file_without_a_fragment_is_deleted(data, tmp_path):
    path = tmp_path / "out.mp4"
    path.write_bytes(data)
    assert not cut_to_whole(path)
    assert not path.exists()


def test_a_fragment_that_nothing_describes_is_none(fragmented, tmp_path):
    boxes = [(kind, end) for kind, end in boxes_of(fragmented) if kind == b"moov"]
    path = tmp_path / "out.mp4"
    path.write_bytes(fragmented[boxes[0][1] :])
    assert not cut_to_whole(path)


def test_all_times_are_exact(fragmented, tmp_path):
    path = tmp_path / "out.mp4"
    path.write_bytes(fragmented)
    assert times_in(path) == [Fraction(n, 25) for n in range(125)]
