"""Images that are no longer those that were labelled are said before anything is made of them."""

import pytest
from labelled import data_set
from PIL import Image

from distill.cli import main
from distill.data.coco import CocoDataset
from distill.data.labelled_size import size_problems


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
    assert size_problems(images(master)) == []


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
    (line,) = size_problems(records)
    assert line.startswith(str(records[2].path))
    assert says in line


@pytest.mark.parametrize("turned", [2, 3, 4])
def test_what_a_size_can_t_tell_is_one_line_for_all(master, turned):
    records = images(master)
    for record in records[:3]:
        change(record, turned)
    (line,) = size_problems(records)
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
    change(images(master)[1], crop=(10, 0, 120, 90))
    given = [word.format(master=master, out=tmp_path / "out") for word in words]
    assert main(["labels", *given]) == 0
    assert "000002.jpg has 110x90 pixels, but was labelled as 120x90" in capsys.readouterr().err
