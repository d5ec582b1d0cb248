"""Stills: upright, in RGB, or one clear line."""

import numpy as np
import pytest
from PIL import Image

from distill.data.images import read_rgb, size_of
from distill.errors import InputError


def picture(path, mode="RGB", size=(8, 6), **settings):
    Image.new(mode, size, settings.pop("colour", 0)).save(path, **settings)
    return path


def test_an_image_is_rgb(tmp_path):
    image = read_rgb(picture(tmp_path / "a.png", colour=(200, 100, 50)))
    assert image.shape == (6, 8, 3)
    assert image.dtype == np.uint8
    assert image[0, 0].tolist() == [200, 100, 50]
    assert image.flags.writeable


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [("L", 90, [90] * 3), ("RGBA", (10, 20, 30, 0), [10, 20, 30]), ("I;16", 256 * 77, [77] * 3)],
)
def test_other_kinds_become_rgb(tmp_path, mode, colour, expected):
    assert read_rgb(picture(tmp_path / "a.png", mode, colour=colour))[0, 0].tolist() == expected


def test_a_photo_taken_sideways_is_turned_and_its_size_with_it(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = picture(tmp_path / "a.jpg", exif=exif)
    assert read_rgb(path).shape == (8, 6, 3)
    assert size_of(path) == (6, 8)


def test_a_size_is_read_from_the_header(tmp_path):
    assert size_of(picture(tmp_path / "a.png")) == (8, 6)


@pytest.mark.parametrize("ask", [read_rgb, size_of])
def test_what_is_no_image_is_one_line(tmp_path, ask):
    (tmp_path / "a.jpg").write_text("hello")
    with pytest.raises(InputError, match=r"a\.jpg is no image that can be read; "):
        ask(tmp_path / "a.jpg")
    with pytest.raises(InputError, match=r"b\.jpg is not there"):
        ask(tmp_path / "b.jpg")
    with pytest.raises(InputError, match="is a folder"):
        ask(tmp_path)


def test_a_cut_off_photo_is_not_taken_for_a_grey_one(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / "a.jpg"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InputError, match=r"can't be decoded \(.*truncated"):
        read_rgb(path)
