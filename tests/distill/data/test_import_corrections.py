"""Corrections: they replace what was corrected, keep the rest to the letter, and keep the old."""

import json
import re

import numpy as np
import pytest
from labelled import CLASSES, SIZE, annotation, data_set, ellipse
from PIL import Image

from distill.data import rle
from distill.data.coco import CocoDataset, ImageRecord, write_coco
from distill.data.cvat import write_cvat
from distill.data.import_corrections import import_corrections
from distill.data.label_studio import write_label_studio
from distill.errors import InputError

CATEGORIES = [{"id": 5, "name": "cup"}, {"id": 8, "name": "bottle"}]


@pytest.fixture
def master(tmp_path):
    return data_set(tmp_path / "set")


@pytest.fixture
def take(master, tmp_path):
    """Imports a COCO file of these images and annotations."""

    def take(names, annotations=(), categories=CATEGORIES, sizes=()):
        path = tmp_path / "corrected.json"
        images = []
        for i, name in enumerate(names):
            width, height = dict(sizes).get(i, (120, 90))
            images.append({"id": i, "file_name": name, "width": width, "height": height})
        whole = {"images": images, "annotations": annotations, "categories": categories}
        path.write_text(json.dumps(whole))
        return import_corrections(path, master)

    return take


def box(image_id=0, category_id=8, x=10, **others):
    polygon = [x, 10, x + 40, 10, x + 40, 50, x, 50]
    return {
        "id": 1, "image_id": image_id, "category_id": category_id, "segmentation": [polygon], **others
    }  # fmt: skip


def raw(path):
    return json.loads(path.read_text())


def rows(whole, image_id):
    return [row for row in whole["annotations"] if row["image_id"] == image_id]


def test_a_corrected_image_gets_the_persons_objects_and_nothing_else_changes(master, take):
    before = raw(master)
    outcome = take(["street/000000.jpg"], [box()])
    after = raw(master)
    assert (outcome.corrected, outcome.confirmed, outcome.objects) == (1, 0, 1)
    assert after["images"] == before["images"]
    assert after["info"] == before["info"]
    for image_id in (2, 3, 4):
        assert rows(after, image_id) == rows(before, image_id)
    (row,) = rows(after, 1)
    assert (row["category_id"], row["band"], row["iscrowd"], row["area"]) == (1, "accept", 0, 1600)
    assert "score" not in row
    assert len({row["id"] for row in after["annotations"]}) == len(after["annotations"])


def test_an_image_that_was_emptied_is_empty(master, take):
    assert take(["yard/000000.jpg"]).corrected == 1
    assert rows(raw(master), 3) == []


def test_the_old_master_is_kept_each_time(master, take):
    first = master.read_bytes()
    assert take(["street/000000.jpg"], [box()]).kept == master.with_name("annotations.json.1")
    second = master.read_bytes()
    assert take(["street/000000.jpg"], [box(x=30)]).kept == master.with_name("annotations.json.2")
    assert master.with_name("annotations.json.1").read_bytes() == first
    assert master.with_name("annotations.json.2").read_bytes() == second


def test_the_splits_follow(master, take):
    take(["street/000000.jpg", "yard/000002.jpg"], [box(0), box(1, 5)])
    train = CocoDataset.read(master.with_name("train.json"))
    val = CocoDataset.read(master.with_name("val.json"))
    whole = CocoDataset.read(master)
    assert [r.annotations for r in (*train.images, *val.images)] == [
        r.annotations for r in whole.images
    ]
    assert val.images[1].annotations[0].class_id == 1


def test_the_same_object_keeps_its_track(master, take):
    mask = rle.decode(CocoDataset.read(master).images[0].annotations[0].rle)
    mask[44, :] = 0
    runs = rle.runs(rle.encode(mask).counts).tolist()
    mended = box(segmentation={"size": list(SIZE), "counts": runs})
    take(["street/000000.jpg"], [mended, box(x=70)])
    same, other = CocoDataset.read(master).images[0].annotations
    assert (same.track_id, other.track_id) == (1, None)


@pytest.mark.parametrize(
    "name",
    [
        "street/000000.jpg",
        "images/street/000000.jpg",
        "default/street/000000.jpg",
        "C:\\x\\street\\000000.jpg",
    ],
)
def test_folders_in_front_of_a_name_do_not_matter(take, name):
    assert take([name], [box()]).corrected == 1


def test_a_name_that_could_be_two_images_or_none_is_left_out_and_said(take):
    outcome = take(["street/000000.jpg", "000002.jpg", "lane/000000.jpg"], [box()])
    ambiguous, unknown = outcome.problems
    assert "000002.jpg could be street/000002.jpg or yard/000002.jpg" in ambiguous
    assert "lane/000000.jpg is not in the data set" in unknown


OTHER_SIZE = {"size": [10, 10], "counts": [0, 100]}
UNREADABLE = {
    "of another size": ({"segmentation": OTHER_SIZE}, r"but its image has \[90, 120\]"),
    "of another size, with a box": (
        {"segmentation": OTHER_SIZE, "bbox": [1, 1, 5, 5]}, "but its image has",
    ),
    "no box either": ({"segmentation": []}, "neither polygons nor run lengths"),
    "a bad box": ({"segmentation": [], "bbox": [1, "x", 5, 5]}, "not four numbers"),
    "a box elsewhere": ({"segmentation": [], "bbox": [500, 500, 5, 5]}, "outside its image"),
    "damaged": ({"segmentation": {"size": list(SIZE), "counts": "\x00"}}, "damaged mask"),
    "two corners": ({"segmentation": [[1, 1, 5, 5]]}, "no polygon of three points"),
    "no category": ({"category_id": None}, "a category that the file does not list"),
    "another category": ({"category_id": 99}, "a category that the file does not list"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "says"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_can_t_be_read_is_not_background(master, take, change, says):
    """Its image stays as it was; the others are corrected."""
    before, bad = raw(master), box() | change
    outcome = take(["street/000000.jpg", "yard/000000.jpg"], [box(), bad, box(1)])
    assert (outcome.corrected, outcome.untouched, outcome.objects) == (1, 1, 1)
    assert rows(raw(master), 1) == rows(before, 1)
    (line,) = outcome.problems
    assert re.search(says, line)
    assert line.endswith("; its image is left as it was")


@pytest.mark.parametrize(("change", "says"), UNREADABLE.values(), ids=UNREADABLE)
def test_nothing_that_can_be_read_is_no_import(master, take, change, says):
    before = master.read_bytes()
    with pytest.raises(InputError, match=rf"corrects no image of .*{says}"):
        take(["street/000000.jpg"], [box() | change])
    assert master.read_bytes() == before
    assert not master.with_name("annotations.json.1").exists()


def test_an_image_of_another_size_is_left_as_it_was(master, take):
    """Polygons have no size of their own, and would lie elsewhere."""
    before = raw(master)
    outcome = take(
        ["street/000000.jpg", "yard/000000.jpg"], [box(0), box(1)], sizes={0: (240, 180)}
    )
    assert (outcome.corrected, outcome.untouched) == (1, 1)
    assert rows(raw(master), 1) == rows(before, 1)
    assert "has 240x180 pixels there, and 120x90 in the data set" in outcome.problems[0]
    with pytest.raises(InputError, match="corrects no image of"):
        take(["street/000000.jpg"], [box()], sizes={0: (90, 120)})


@pytest.mark.parametrize("image_id", [None, 7, "a", [1]])
def test_what_belongs_to_no_image_could_be_anywhere(master, take, image_id):
    before = master.read_bytes()
    with pytest.raises(InputError, match=r"belongs to no image of the file, .*; export it again"):
        take(["street/000000.jpg"], [box(), box(image_id)])
    assert master.read_bytes() == before


def test_a_mask_of_no_pixel_hides_nothing(take):
    outcome = take(["street/000000.jpg"], [box(), box(segmentation=[[5, 5, 5, 5, 5, 5]])])
    assert (outcome.corrected, outcome.untouched, outcome.objects) == (1, 0, 1)
    assert outcome.problems[0].endswith("has a mask without area; it is left out")


def test_an_unknown_label_ends_it_before_anything_is_written(master, take):
    before = master.read_bytes()
    with pytest.raises(InputError, match=r"has the label 'botle', .* did you mean 'bottle'\?"):
        take(["street/000000.jpg"], [box()], [{"id": 8, "name": "botle"}])
    assert master.read_bytes() == before
    assert not master.with_name("annotations.json.1").exists()


def test_an_unknown_label_that_nothing_has_does_not_matter(take):
    extra = [*CATEGORIES, {"id": 99, "name": "shelf"}]
    assert take(["street/000000.jpg"], [box()], extra).corrected == 1


def test_corrections_of_other_images_are_one_line(take):
    with pytest.raises(
        InputError, match=r"corrects no image of .*: other\.jpg is not in the data set"
    ):
        take(["other.jpg"], [box()])


BAD_FILES = {
    "words": (b"hello", "is no JSON"),
    "cut off": (b'{"images": [', "is cut off"),
    "other kind": (b'{"a": 1}', "is neither CVAT's COCO 1.0 nor Label Studio's JSON"),
    "JSON-MIN": (b'[{"image": "a.jpg", "label": []}]', "not JSON-MIN"),
    "damaged zip": (b"PK\x05\x06" + b"\x00" * 18, "holds 0 JSON files"),
    "nobody": (b'[{"data": {"image": "a.jpg"}, "annotations": []}]', "nothing was submitted"),
}


@pytest.mark.parametrize(("data", "reason"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_is_no_export_is_one_line(master, tmp_path, data, reason):
    path = tmp_path / "export"
    path.write_bytes(data)
    with pytest.raises(InputError, match=reason):
        import_corrections(path, master)


def test_a_missing_file_is_one_line(master, tmp_path):
    with pytest.raises(InputError, match="can't be read: No such file"):
        import_corrections(tmp_path / "none.zip", master)


def test_a_master_with_gaps_in_its_ids_keeps_them(master, take):
    whole = raw(master)
    for category, number in zip(whole["categories"], (44, 47), strict=True):
        category["id"] = number
    for row in whole["annotations"]:
        row["category_id"] += 43 + 2 * (row["category_id"] == 2)
    master.write_text(json.dumps(whole))
    take(["street/000000.jpg"], [box(category_id=5)])
    (row,) = rows(raw(master), 1)
    assert row["category_id"] == 47
    assert np.isclose(row["area"], 1600)


@pytest.mark.parametrize("write", [write_cvat, write_label_studio])
def test_a_correction_finds_its_image_among_folders_called_images(tmp_path, write):
    """`images/a.png` inside `images` is not the `a.png` beside it."""
    names = ["a.png", "images/a.png", "images/images/a.png", "b/a.png"]
    records = []
    for number, name in enumerate(names, start=1):
        path = tmp_path / "set" / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", SIZE[::-1]).save(path)
        one = annotation(ellipse(10 * number, 30, 5, 9))
        records.append(ImageRecord(number, path, SIZE[1], SIZE[0], None, None, (one,)))
    master = tmp_path / "set" / "annotations.json"
    write_coco(master, CLASSES, records, {})
    out = tmp_path / "out"
    write(CocoDataset.read(master), master, out)
    if write is write_label_studio:
        tasks = json.loads((out / "tasks.json").read_text())
        for task in tasks:
            task["annotations"] = [{"result": task["predictions"][0]["result"]}]
        (out / "export.json").write_text(json.dumps(tasks))
    outcome = import_corrections(
        out / ("cvat.zip" if write is write_cvat else "export.json"), master
    )
    assert (outcome.corrected, outcome.confirmed, outcome.problems) == (0, 4, ())


def test_the_name_that_an_export_gave_is_plain_even_if_others_end_so(tmp_path):
    """Images elsewhere are called as from the folder that holds them all."""
    records = []
    for number, name in enumerate(["a.png", "b/a.png"], start=1):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", SIZE[::-1]).save(path)
        one = annotation(ellipse(20 * number, 30, 5, 9))
        records.append(ImageRecord(number, path, SIZE[1], SIZE[0], None, None, (one,)))
    master = tmp_path / "set" / "annotations.json"
    write_coco(master, CLASSES, records, {})
    write_cvat(CocoDataset.read(master), master, tmp_path / "out")
    outcome = import_corrections(tmp_path / "out" / "cvat.zip", master)
    assert (outcome.confirmed, outcome.problems) == (2, ())


def test_an_image_that_the_corrections_list_twice_keeps_what_both_have(master, take):
    whole = [box(), box(), box(image_id=1, x=60, id=2), box(image_id=1, id=3)]
    outcome = take(["street/000000.jpg", "images/street/000000.jpg"], whole)
    assert (outcome.corrected, outcome.objects) == (1, 2)
    assert [row["bbox"][0] for row in rows(raw(master), 1)] == [10, 60]


def test_corrections_replace_what_a_file_that_is_listed_twice_had(master, take):
    whole = raw(master)
    first = whole["images"][0]
    whole["images"].append({**first, "id": 9, "file_name": f"./{first['file_name']}"})
    whole["annotations"].append({**rows(whole, 1)[0], "id": 77, "image_id": 9})
    master.write_text(json.dumps(whole))
    outcome = take(["street/000000.jpg"], [box()])
    assert (outcome.corrected, outcome.objects) == (1, 1)
    assert rows(raw(master), 9) == []
    (one,) = CocoDataset.read(master).images[0].annotations
    assert one.box == (10, 10, 50, 50)
