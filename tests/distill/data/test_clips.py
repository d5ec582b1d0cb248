"""Clips: upright pictures with their times, as far as a file can be decoded."""

import numpy as np
import pytest

from distill.data.clips import Clip
from distill.errors import InputError
from tests.distill.label.blobs import scene, write_clip, write_interlaced


def read(path):
    with Clip(path) as clip:
        frames = [(frame.index, frame.time_s, frame.rgb()) for frame in clip]
        return frames, clip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    images = [scene(i) for i in range(24)]
    path = tmp_path_factory.mktemp("clips") / "whole.mp4"
    return write_clip(path, images, movflags="faststart"), images


def test_every_picture_comes_once_with_its_time_and_its_colours(whole):
    path, images = whole
    frames, clip = read(path)
    assert [index for index, _, _ in frames] == list(range(24))
    assert [time_s for _, time_s, _ in frames] == pytest.approx([i / 25 for i in range(24)])
    assert clip.expected == 24
    assert clip.problem() is None
    for (_, _, rgb), image in zip(frames, images, strict=True):
        assert np.abs(rgb.astype(int) - image).mean() < 3


# Display matrices (a, b, c, d), and what a player makes of the stored picture.
ORIENTATIONS = {
    "upright": ((1, 0, 0, 1), lambda image: image),
    "quarter clockwise": ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),
    "half": ((-1, 0, 0, -1), lambda image: np.rot90(image, 2)),
    "quarter counter-clockwise": ((0, -1, 1, 0), np.rot90),
    "mirrored": ((-1, 0, 0, 1), np.fliplr),
    "upside down": ((1, 0, 0, -1), np.flipud),
    "transposed": ((0, 1, 1, 0), lambda image: image.transpose(1, 0, 2)),
    "transposed and turned": ((0, -1, -1, 0), lambda i: np.rot90(i.transpose(1, 0, 2), 2)),
}


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_a_display_matrix_is_obeyed(whole, tmp_path, name):
    path, images = whole
    linear, shown = ORIENTATIONS[name]
    turned = tmp_path / "turned.mp4"
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44  # ISO/IEC 14496-12, 8.3.2
    a, b, c, d = linear
    matrix = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 14]) * (1 << 16)
    data[at : at + 36] = matrix.astype(">i4").tobytes()
    turned.write_bytes(data)
    frames, _ = read(turned)
    for number in (0, 23):
        expected = shown(images[number])
        assert frames[number][2].shape == expected.shape
        assert np.abs(frames[number][2].astype(int) - expected).mean() < 3
    with Clip(turned) as clip:
        assert next(iter(clip)).size == shown(images[0]).shape[1::-1]


def test_interlaced_pictures_are_deinterlaced_once_each(tmp_path):
    frames, clip = read(write_interlaced(tmp_path / "tape.mp4"))
    assert [index for index, _, _ in frames] == list(range(8))
    assert [time_s for _, time_s, _ in frames] == pytest.approx([i / 25 for i in range(8)])
    assert clip.problem() is None
    for _, _, rgb in frames:
        lines = rgb.astype(int)
        combs = np.abs(lines[1:-1] - (lines[:-2] + lines[2:]) / 2).mean()
        assert combs < 2


def test_garbage_behind_a_film_is_told_and_the_film_is_used(whole, tmp_path):
    path, _ = whole
    spoilt = tmp_path / "tail.mp4"
    spoilt.write_bytes(path.read_bytes() + np.random.default_rng(1).bytes(5000))
    frames, clip = read(spoilt)
    assert len(frames) == 24
    assert "5000 bytes are garbage" in clip.problem()
    assert "\n" not in clip.problem()


def test_a_film_that_breaks_off_is_used_up_to_there(whole, tmp_path):
    path, _ = whole
    data = path.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: len(data) * 2 // 3])
    frames, clip = read(cut)
    assert 4 < len(frames) < 24
    assert "breaks off" in clip.problem()


def test_garbage_within_a_film_is_skipped_and_counted(whole, tmp_path):
    path, images = whole
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    middle = start + (len(data) - start) // 3
    data[middle : middle + 1500] = np.random.default_rng(2).bytes(1500)
    spoilt = tmp_path / "spoilt.mp4"
    spoilt.write_bytes(data)
    frames, clip = read(spoilt)
    assert clip.damaged > 0
    assert 4 < len(frames) < 24
    assert f"{clip.damaged} of its pictures are damaged" in clip.problem()
    for _, time_s, rgb in frames:  # and none of those that are left is smeared
        assert np.abs(rgb.astype(int) - images[round(time_s * 25)]).mean() < 3


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is empty"), (b"hello, this is text\n" * 50, "text|FFmpeg"), (bytes(4000), "FFmpeg")],
)
def test_what_is_no_film_is_refused_in_one_line(tmp_path, content, words):
    path = tmp_path / "no.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        Clip(path)
    assert "\n" not in str(caught.value)


def test_what_is_not_there_is_refused(tmp_path):
    for path in (tmp_path / "no.mp4", tmp_path):
        with pytest.raises(InputError):
            Clip(path)


def test_a_raw_stream_without_times_and_with_two_sizes_is_read(data):
    frames, clip = read(data / "videos" / "resolution-change.h264")
    assert len({rgb.shape for _, _, rgb in frames}) == 2
    assert frames[1][1] > frames[0][1] == 0
    assert clip.decoded == len(frames) == 96
