"""Stills: upright, in RGB, or one clear line."""

import numpy as np
import pytest
from PIL import Image

from distill.data.images import header_of, read_rgb, size_of, whole_header_of
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


ENDINGS = ("tif", "jpg", "png", "webp", "avif")


def turned(path, orientation, size=(40, 24)):
    """An image whose left half is white, to be shown in one of the eight ways."""
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[:, : size[0] // 2] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, exif=exif)
    return path


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_header_and_the_pixels_agree_whatever_turns_them(tmp_path, ending, orientation):
    path = turned(tmp_path / f"a.{ending}", orientation)
    image, header = read_rgb(path), header_of(path)
    assert header.stored == (40, 24)
    assert header.size == (image.shape[1], image.shape[0])
    assert header.size == ((24, 40) if orientation > 4 else (40, 24)), "turned once"
    assert header.turned == (orientation > 1)
    assert whole_header_of(path) == header
    known = read_rgb(turned(tmp_path / "known.png", orientation))
    assert np.abs(image.astype(int) - known).max() < 60


@pytest.mark.parametrize("ending", ["tif", "jpg", "png", "webp"])
def test_whatever_is_damaged_in_a_file_is_one_line(tmp_path, ending):
    """Pillow's decoders raise nearly anything, and a file ends no run."""
    noise = np.random.default_rng(0).integers(0, 255, (24, 40, 3), dtype=np.uint8)
    path = tmp_path / f"a.{ending}"
    Image.fromarray(noise).save(path)
    good, random = path.read_bytes(), np.random.default_rng(1)
    said = []
    for _ in range(150):
        bad = bytearray(good)
        for place in random.integers(0, min(len(bad), 200), 3):
            bad[place] = random.integers(0, 256)
        path.write_bytes(bad[: len(bad) if random.random() < 0.7 else random.integers(1, len(bad))])
        for ask in (read_rgb, header_of, whole_header_of):
            try:
                ask(path)
            except InputError as error:
                said.append(str(error))
    assert len(said) > 20
    assert all(line.startswith(f"{path} ") and "\n" not in line for line in said)


def test_a_photo_whose_end_is_missing_is_found_without_decoding_all_of_it(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (400, 600, 3), dtype=np.uint8)
    for ending in ("jpg", "png", "tif"):
        path = tmp_path / f"a.{ending}"
        Image.fromarray(noise).save(path)
        assert whole_header_of(path).size == (600, 400)
        path.write_bytes(path.read_bytes()[:-3000])
        with pytest.raises(InputError, match="can't be decoded"):
            whole_header_of(path)
