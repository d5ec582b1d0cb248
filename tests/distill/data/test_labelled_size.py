"""Images that are no longer those that were labelled are said before anything is made of them."""

from dataclasses import replace

import pytest
from labelled import data_set
from PIL import Image

from distill.cli import main
from distill.data.coco import CocoDataset
from distill.data.labelled_size import as_labelled


@pytest.fixture
def master(tmp_path):
    return data_set(tmp_path / "set")


def images(master):
    return CocoDataset.read(master).images


def change(record, turned=None, crop=None, data=None):
    """Another image under the same name."""
    if data is not None:
        record.path.write_bytes(data)
        return
    image = Image.open(record.path).copy()
    exif = Image.Exif()
    if turned:
        exif[0x0112] = turned
    (image.crop(crop) if crop else image).save(record.path, exif=exif)


def test_images_as_they_were_labelled_are_no_problem(master):
    assert as_labelled(images(master))[1] == []


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"crop": (0, 0, 90, 90)}, "has 90x90 pixels, but was labelled as 120x90; label it again"),
        *[({"turned": n}, "has 90x120 pixels, but was labelled as 120x90") for n in range(5, 9)],
        ({"data": b"hello"}, "is no image that can be read"),
    ],
)
def test_one_of_another_size_is_named(master, how, says):
    records = images(master)
    change(records[2], **how)
    _, (line,) = as_labelled(records)
    assert line.startswith(str(records[2].path))
    assert says in line


@pytest.mark.parametrize("turned", [2, 3, 4])
def test_what_a_size_can_t_tell_is_one_line_for_all(master, turned):
    records = images(master)
    for record in records[:3]:
        change(record, turned)
    _, (line,) = as_labelled(records)
    assert line.startswith(f"3 images, {records[0].path} for one, are turned or mirrored")


@pytest.mark.parametrize(
    "words",
    [
        ("show", "{master}"),
        ("export", "{master}", "--format", "yolo", "--out", "{out}"),
        ("export", "{master}", "--format", "cvat", "--out", "{out}"),
    ],
)
def test_who_looks_at_a_data_set_or_hands_it_on_hears_of_them(master, tmp_path, capsys, words):
    whole, spoilt = CocoDataset.read(master), images(master)[1]
    change(spoilt, crop=(10, 0, 120, 90))
    given = [word.format(master=master, out=tmp_path / "out") for word in words]
    assert main(["labels", *given]) == 0
    said = capsys.readouterr()
    assert "000002.jpg has 110x90 pixels, but was labelled as 120x90" in said.err
    if "export" in words:
        kept = [a for one in whole.images if one.path != spoilt.path for a in one.annotations]
        objects = sum(not annotation.ignore for annotation in kept)
        assert f"wrote 3 images and {objects} objects" in said.out
        assert "1 images were left out" in said.out
        assert len(list((tmp_path / "out").rglob("*.jpg"))) == 3


def test_a_photo_that_is_cut_off_is_not_handed_on(master, tmp_path, capsys):
    path = images(master)[0].path
    path.write_bytes(path.read_bytes()[:-2000])
    words = ["labels", "export", str(master), "--format", "yolo", "--out", str(tmp_path / "out")]
    assert main(words) == 0
    said = capsys.readouterr()
    assert f"{path} can't be decoded" in said.err
    assert "wrote 3 images" in said.out
    for record in images(master):
        record.path.write_bytes(record.path.read_bytes()[:100])
    assert main([*words[:-1], str(tmp_path / "other")]) == 3
    assert "none of 4 images is as it was labelled" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_a_tiff_that_was_scanned_sideways_is_as_it_was_labelled(master):
    """Pillow gives its size upright, and every other's as it is stored."""
    record = images(master)[0]
    exif = Image.Exif()
    exif[0x0112] = 6
    path = record.path.with_suffix(".tif")
    Image.new("RGB", (record.height, record.width)).save(path, exif=exif)
    assert as_labelled([replace(record, path=path)])[1] == []
