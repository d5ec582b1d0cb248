"""Corrections: they replace what was corrected, keep the rest to the letter, and keep the old."""

import json

import numpy as np
import pytest
from labelled import SIZE, data_set

from distill.data import rle
from distill.data.coco import CocoDataset
from distill.data.import_corrections import import_corrections
from distill.errors import InputError

CATEGORIES = [{"id": 5, "name": "cup"}, {"id": 8, "name": "bottle"}]


@pytest.fixture
def master(tmp_path):
    return data_set(tmp_path / "set")


@pytest.fixture
def take(master, tmp_path):
    """Imports a COCO file of these images and annotations."""

    def take(names, annotations=(), categories=CATEGORIES):
        path = tmp_path / "corrected.json"
        images = [
            {"id": i, "file_name": name, "width": 120, "height": 90} for i, name in enumerate(names)
        ]
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


def test_a_mask_of_another_size_is_left_out(take):
    wrong = box(segmentation={"size": [10, 10], "counts": [0, 100]})
    outcome = take(["street/000000.jpg"], [box(), wrong])
    assert outcome.objects == 1
    assert "but its image has [90, 120]" in outcome.problems[0]


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
