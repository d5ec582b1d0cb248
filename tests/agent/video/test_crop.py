"""What a container says is not to be shown is not shown, whatever the codec holds."""

from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition

from agent.video.crop import Crop
from agent.video.file_source import FileSource

# EBML: a class-A to -D name, a length, what it holds (RFC 8794; Matroska, RFC 9559).
_SEGMENT, _TRACKS, _ENTRY, _VIDEO = b"\x18\x53\x80\x67", b"\x16\x54\xae\x6b", b"\xae", b"\xe0"
_COLOURS = b"\x55\xb0"


def _child(data, name, start, end):
    """Where the length of a child begins, where its content does, and where that ends."""
    while start < end:
        at = start + next(n for n in range(1, 5) if data[start] >> (8 - n))
        width = next(n for n in range(1, 9) if data[at] >> (8 - n))
        length = int.from_bytes(data[at : at + width], "big") & ((1 << 7 * width) - 1)
        if length == (1 << 7 * width) - 1:  # up to the end
            length = end - at - width
        if data[start:at] == name:
            return at, at + width, at + width + length
        start = at + width + length
    raise AssertionError(name)


def say_in_matroska(path, said):
    """Add what a container says of the first track's pictures, in the place of its colour tags."""
    data = path.read_bytes()
    start, end = 0, len(data)
    for name in (_SEGMENT, _TRACKS, _ENTRY, _VIDEO):
        _, start, end = _child(data, name, start, end)
    _, _, colours_end = _child(data, _COLOURS, start, end)
    colours = data.index(_COLOURS, start, end)
    words = b"".join(name + b"\x81" + bytes([number]) for name, number in said.items())
    room = colours_end - colours - len(words)
    assert room >= 2
    padding = b"\xec" + bytes([0x80 | (room - 2)]) + bytes(room - 2)
    path.write_bytes(data[:colours] + words + padding + data[colours_end:])


def crop_matroska(path, crop):
    sides = {b"\x54\xcc": crop.left, b"\x54\xdd": crop.right}
    say_in_matroska(path, sides | {b"\x54\xbb": crop.top, b"\x54\xaa": crop.bottom})


def crop_mp4(path, crop):
    """Add a `clap` box to the only track (ISO/IEC 14496-12, 12.1.4); its header is at the end."""
    data = path.read_bytes()
    width, height = 96 - crop.left - crop.right, 64 - crop.top - crop.bottom
    # The middle of what is shown, from the middle of all, in halves of a pixel.
    off = crop.left - crop.right, crop.top - crop.bottom
    numbers = [width, 1, height, 1, off[0], 2, off[1], 2]
    box = b"\0\0\0\x28clap" + np.array(numbers, ">i4").tobytes()
    at = data.index(b"avcC") - 4
    parents = [data.index(name) - 4 for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl")]
    parents += [data.index(b"stsd") - 4, data.index(b"avc1", data.index(b"stsd")) - 4]
    grown = bytearray(data)
    for parent in parents:
        length = int.from_bytes(data[parent : parent + 4], "big")
        grown[parent : parent + 4] = (length + len(box)).to_bytes(4, "big")
    path.write_bytes(bytes(grown[:at]) + box + bytes(grown[at:]))


def framed(number, width, height):
    """A picture of which all but the middle must not be seen."""
    image = np.full((height, width, 3), 255, np.uint8)
    image[8:-4, 16:-10] = 70 + number
    return image


CROP = Crop(left=16, right=10, top=8, bottom=4)


def tag(_, stream):
    context = stream.codec_context
    context.colorspace, context.color_primaries, context.color_trc = 6, 6, 6
    context.color_range = 1


@pytest.fixture(params=[".mkv", ".webm", ".mp4", ".mov"])
def cropped(request, clips, tmp_path):
    suffix = request.param

    def write(crop=CROP, draw=framed, **settings):
        codec = "libvpx-vp9" if suffix == ".webm" else "libx264"
        path = clips.write(
            tmp_path / f"clip{suffix}", range(4), codec=codec, draw=draw, prepare=tag, **settings
        )
        (crop_matroska if suffix in {".mkv", ".webm"} else crop_mp4)(path, crop)
        return path

    return write


def test_the_containers_crop_is_applied(cropped):
    path = cropped()
    with FileSource(path) as source:
        assert (source.info.width, source.info.height) == (70, 52)
        frames = list(source)
    assert len(frames) == 4
    for frame in frames:
        assert [plane.shape for plane in frame.planes] == [(52, 70), (26, 35), (26, 35)]
        assert frame.planes[0].max() < 120


@pytest.mark.parametrize(
    "crop", [Crop(17, 11, 9, 5), Crop(17, 10, 8, 5), Crop(18, 13, 9, 6), Crop(50, 45, 30, 33)]
)
def test_odd_edges_show_nothing_of_the_rest(cropped, crop):
    size = 96 - crop.left - crop.right, 64 - crop.top - crop.bottom
    with FileSource(cropped(crop)) as source:
        assert (source.info.width, source.info.height) == size
        for frame in source:
            assert frame.size == size
            halves = (size[1] + 1) // 2, (size[0] + 1) // 2
            assert {plane.shape for plane in frame.planes[1:]} == {halves}
            assert frame.planes[0].max() < 120


def test_a_crop_that_leaves_nothing_leaves_one_pixel():
    planes = tuple(np.zeros(shape, np.uint8) for shape in ((64, 96), (32, 48), (32, 48)))
    assert [plane.shape for plane in Crop(200, 0, 0, 64).of(planes)] == [(1, 1)] * 3


def test_a_file_without_a_crop_is_not_cropped(clips, tmp_path):
    path = clips.write(tmp_path / "clip.mkv", range(1))
    assert [frame.size for frame in clips.frames_of(path)] == [(96, 64)]


@pytest.mark.parametrize(
    "name", ["Frame Cropping", "Frame Cropping: 8/8/8/8\n      Frame Cropping"]
)
def test_a_title_can_not_crop(clips, tmp_path, name):
    def entitle(_, stream):
        stream.metadata[name] = "8/8/8/8"
        stream.metadata["title"] = "x\n      Frame Cropping: 8/8/8/8"

    path = clips.write(tmp_path / "clip.mkv", range(1), prepare=entitle)
    assert [frame.size for frame in clips.frames_of(path)] == [(96, 64)]


def test_the_crop_is_of_the_stream_that_is_the_video(clips, tmp_path):
    """Another stream's does not count."""
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as output:
        for size in ((32, 32), (96, 64)):
            stream = output.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            if size == (32, 32):
                tag(None, stream)
            else:
                stream.disposition = Disposition.default.value
        for place, stream in enumerate(output.streams.video):
            grey = np.full(((32, 64)[place], (32, 96)[place]), 100, np.uint8)
            picture = av.VideoFrame.from_ndarray(grey, "gray").reformat(format="yuv420p")
            output.mux(stream.encode(picture) + stream.encode(None))
    crop_matroska(path, Crop(4, 4, 4, 4))
    assert [frame.size for frame in clips.frames_of(path)] == [(96, 64)]


def test_crop_comes_before_turn(clips, tmp_path):
    path = clips.write(tmp_path / "clip.mp4", range(2), draw=framed, prepare=tag)
    crop_mp4(path, CROP)
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    matrix = np.array([0, 1, 0, -1, 0, 0, 0, 0, 1 << 14]) * (1 << 16)
    data[at : at + 36] = matrix.astype(">i4").tobytes()
    path.write_bytes(data)
    with FileSource(path) as source:
        assert (source.info.width, source.info.height) == (52, 70)
        assert max(frame.planes[0].max() for frame in source) < 120


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_shape_of_pixels_that_only_mp4_says(clips, tmp_path, suffix):
    """A copy into another container: the codec says nothing of it."""
    plain = clips.write(tmp_path / "plain.mp4", range(4))
    path = tmp_path / f"wide{suffix}"
    with av.open(str(plain)) as source, av.open(str(path), "w") as output:
        target = output.add_stream_from_template(source.streams.video[0])
        target.codec_context.sample_aspect_ratio = Fraction(3, 4)
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = target
                output.mux(packet)
    with FileSource(path) as source:
        assert source.info.sample_aspect_ratio == Fraction(3, 4)
        assert not any(frame.opens_scene for frame in source)


@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
def test_shape_of_pixels_that_only_matroska_says(clips, tmp_path, suffix):
    codec = "libvpx-vp9" if suffix == ".webm" else "libx264"
    path = clips.write(tmp_path / f"wide{suffix}", range(4), codec=codec, prepare=tag)
    say_in_matroska(path, {b"\x54\xb0": 72, b"\x54\xba": 64, b"\x54\xb2": 0})
    with FileSource(path) as source:
        assert source.info.sample_aspect_ratio == Fraction(3, 4)
        assert not any(frame.opens_scene for frame in source)
