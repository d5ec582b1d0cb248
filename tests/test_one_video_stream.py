"""The agent and the labeller, each with a reader of its own, read one and the same stream."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import pytest
from av.stream import Disposition

from agent.video.file_source import FileSource
from distill.data.clips import Clip

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SMALL, LARGE, COVER = (320, 240), (640, 480), (800, 600)
FRAMES = 10


def write(
    path: Path,
    *streams: tuple[tuple[int, int], Disposition],
    prepare: Callable[[av.container.OutputContainer], None] = lambda _: None,
) -> Path:
    """A file with a video of grey pictures for each size; cover art has one picture."""
    with av.open(str(path), "w") as output:
        added = []
        for (width, height), disposition in streams:
            cover = disposition & Disposition.attached_pic
            stream = output.add_stream("mjpeg" if cover else "libx264", rate=25)
            stream.width, stream.height = width, height
            stream.pix_fmt = "yuvj420p" if cover else "yuv420p"
            stream.codec_context.time_base = Fraction(1, 25)
            stream.disposition = disposition.value
            added.append((stream, 1 if cover else FRAMES))
        prepare(output)
        for number in range(FRAMES):
            for stream, frames in added:
                if number < frames:
                    grey = np.full((stream.height, stream.width), 20 * number, np.uint8)
                    picture = av.VideoFrame.from_ndarray(grey, "gray").reformat(
                        format=stream.pix_fmt
                    )
                    picture.pts, picture.time_base = number, Fraction(1, 25)
                    output.mux(stream.encode(picture))
        for stream, _ in added:
            output.mux(stream.encode(None))
    return path


def sizes(path: Path) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """Of the pictures that each of the two readers gives."""
    with FileSource(path) as source:
        agents = [frame.size for frame in source]
    with Clip(path) as clip:
        labellers = [frame.size for frame in clip]
    assert len(agents) == len(labellers) == FRAMES
    return set(agents), set(labellers)


NONE, DEFAULT, ART = Disposition(0), Disposition.default, Disposition.attached_pic


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize(
    "streams",
    [
        pytest.param([(SMALL, NONE), (LARGE, NONE)], id="small first"),
        pytest.param([(LARGE, NONE), (SMALL, NONE)], id="large first"),
        pytest.param([(SMALL, DEFAULT), (LARGE, NONE)], id="small is default, first"),
        pytest.param([(LARGE, NONE), (SMALL, DEFAULT)], id="small is default, last"),
        pytest.param([(SMALL, NONE), (LARGE, DEFAULT)], id="large is default, last"),
        pytest.param([(LARGE, DEFAULT), (SMALL, DEFAULT)], id="both are default"),
    ],
)
def test_of_two_videos_both_read_the_one_that_ffmpeg_calls_best(tmp_path, suffix, streams):
    path = write(tmp_path / f"two{suffix}", *streams)
    with av.open(str(path)) as container:
        best = container.streams.best("video")
        expected = {(best.width, best.height)}
    assert sizes(path) == (expected, expected)


@pytest.mark.parametrize("marked", [0, 1])
@pytest.mark.parametrize("order", [(SMALL, LARGE), (LARGE, SMALL)])
def test_the_one_that_is_marked_as_default_is_the_video(tmp_path, order, marked):
    marks = [DEFAULT if place == marked else NONE for place in (0, 1)]
    path = write(tmp_path / "two.mkv", *zip(order, marks, strict=True))
    assert sizes(path) == ({order[marked]}, {order[marked]})


def put_metadata_first(path: Path) -> None:
    """Reorder an MP4's header, so that its cover art is the first stream (ISO/IEC 14496-12)."""
    data = bytearray(path.read_bytes())
    at = data.index(b"moov") - 4
    end = at + struct.unpack(">I", data[at : at + 4])[0]
    boxes, place = [], at + 8
    while place < end:
        size = struct.unpack(">I", data[place : place + 4])[0]
        boxes.append(bytes(data[place : place + size]))
        place += size
    boxes.sort(key=lambda box: box[4:8] != b"udta")
    data[at + 8 : end] = b"".join(boxes)
    path.write_bytes(data)


@pytest.mark.parametrize("order", [(SMALL, LARGE), (LARGE, SMALL)])
def test_cover_art_that_comes_first_is_not_the_video(tmp_path, order):
    path = write(tmp_path / "clip.mp4", *((size, NONE) for size in order), (COVER, ART))
    put_metadata_first(path)
    with av.open(str(path)) as container:
        streams = container.streams.video
        assert [(stream.width, stream.height) for stream in streams] == [COVER, *order]
        assert streams[0].disposition & ART
    given, other = sizes(path)
    assert given == other
    assert given <= {SMALL, LARGE}


def test_cover_art_in_matroska_is_not_the_video(tmp_path):
    """There it is an attachment, which FFmpeg gives as a stream after all others."""
    _, jpeg = cv2.imencode(".jpg", np.full((COVER[1], COVER[0]), 200, np.uint8))

    def attach(output: av.container.OutputContainer) -> None:
        output.add_attachment("cover.jpg", "image/jpeg", jpeg.tobytes())

    path = write(tmp_path / "clip.mkv", (LARGE, NONE), (SMALL, DEFAULT), prepare=attach)
    with av.open(str(path)) as container:
        assert [stream.width for stream in container.streams.video] == [640, 320, 800]
    assert sizes(path) == ({SMALL}, {SMALL})
