"""What a camera stored turned or mirrored comes out upright."""

from fractions import Fraction

import numpy as np
import pytest

from agent.video.file_source import FileSource

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
    with FileSource(path) as source:
        assert (source.info.width, source.info.height) == (64, 96)
        frames = list(source)
    assert [clips.number_of(frame.planes[0]) for frame in frames] == list(range(12))
    for frame in frames:
        assert clips.error_between(clips.rgb_of(frame), clips.picture(frame.index, 64, 96)) < 5


def test_pixel_aspect_turns_with_the_picture(clips, tmp_path):
    def wide_pixels(_, stream):
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    path = clips.write(tmp_path / "clip.mp4", prepare=wide_pixels)
    set_display_matrix(path, (0, 1, -1, 0))
    with FileSource(path) as source:
        assert source.info.sample_aspect_ratio == Fraction(3, 4)


def test_odd_edge_and_odd_angle_are_reported(clips, tmp_path):
    odd = clips.write(tmp_path / "odd.mkv", codec="ffv1", size=(97, 64))
    with FileSource(odd) as source:
        assert source.info.notes == ("97x64 is written with its odd edge repeated, to be even",)
    askew = clips.write(tmp_path / "askew.mp4")
    set_display_matrix(askew, (0.75, 0.66, -0.66, 0.75))
    with FileSource(askew) as source:
        assert source.info.notes == ("a display rotation by -41 degrees is not applied",)
        assert next(source).size == (96, 64)


def test_camera_may_be_turned_in_mid_stream(clips, tmp_path):
    """H.264 tells so, for one picture, in a display orientation SEI (ITU-T H.264, D.1.27)."""
    quarter_counter_clockwise = b"\0\0\0\1\6\x2f\x03\x08\x00\x09\x80"
    first = clips.write(tmp_path / "first.h264", range(6))
    second = clips.write(tmp_path / "second.h264", range(6))
    both = tmp_path / "both.h264"
    both.write_bytes(first.read_bytes() + quarter_counter_clockwise + second.read_bytes())
    frames = clips.frames_of(both)
    assert [frame.size for frame in frames] == [(96, 64)] * 12
    assert [frame.index for frame in frames if frame.opens_scene] == [6, 7]
    turned = frames[6].planes[0][:, 27:69]  # as high as the others, between bars
    assert clips.number_of(np.rot90(turned, -1)) == 0
