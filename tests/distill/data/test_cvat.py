"""CVAT's COCO 1.0: its layout, and masks that come back as they went."""

import json
import zipfile

import pytest
from labelled import data_set

from distill.data import rle
from distill.data.coco import CocoDataset
from distill.data.cvat import write_cvat
from distill.data.import_corrections import import_corrections


@pytest.fixture
def master(tmp_path):
    return data_set(tmp_path / "set")


@pytest.fixture
def out(master, tmp_path):
    folder = tmp_path / "cvat"
    assert write_cvat(CocoDataset.read(master), master, folder) == []
    return folder


def content(out):
    return json.loads((out / "annotations" / "instances_default.json").read_text())


def test_the_layout_is_cvats(out):
    names = ["street/000000.jpg", "street/000002.jpg", "yard/000000.jpg", "yard/000002.jpg"]
    assert [image["file_name"] for image in content(out)["images"]] == names
    with zipfile.ZipFile(out / "cvat.zip") as archive:
        assert archive.namelist() == [
            "annotations/instances_default.json",
            *(f"images/default/{name}" for name in names),
        ]
        assert archive.testzip() is None
        assert (
            archive.read("annotations/instances_default.json")
            == (out / "annotations" / "instances_default.json").read_bytes()
        )


def test_masks_are_run_lengths_that_cvat_reads_and_bands_are_labels(out):
    whole = content(out)
    names = {category["id"]: category["name"] for category in whole["categories"]}
    assert list(names.values()) == [
        "bottle", "cup", "bottle (review)", "cup (review)", "bottle (ignore)", "cup (ignore)",
    ]  # fmt: skip
    assert [names[a["category_id"]] for a in whole["annotations"]] == [
        "bottle", "cup", "bottle (review)", "bottle", "cup (ignore)",
    ]  # fmt: skip
    for annotation in whole["annotations"]:
        assert sum(annotation["segmentation"]["counts"]) == 90 * 120


def test_what_nobody_changed_comes_back_the_same_and_changes_nothing(out, master):
    before = master.read_bytes()
    outcome = import_corrections(out / "cvat.zip", master)
    assert (outcome.corrected, outcome.confirmed, outcome.kept) == (0, 4, None)
    assert outcome.problems == ()
    assert master.read_bytes() == before


def test_masks_come_back_to_the_pixel_as_cvat_exports_them(out, master, tmp_path):
    """CVAT numbers anew, marks every mask as crowd, and drops what it does not know."""
    original = CocoDataset.read(master)
    whole = content(out)
    whole["images"] = [
        {"id": image["id"] + 50, "file_name": image["file_name"], "width": 120, "height": 90}
        for image in whole["images"]
    ]
    whole["annotations"] = [
        {
            "id": row["id"] + 9,
            "image_id": row["image_id"] + 50,
            "category_id": row["category_id"],
            "segmentation": row["segmentation"],
            "area": row["area"],
            "bbox": row["bbox"],
            "iscrowd": 1,
            "attributes": {"occluded": False},
        }
        for row in whole["annotations"]
    ]
    # One object moved to another class: the image is corrected, and its masks must not suffer.
    whole["annotations"][0]["category_id"] = 2
    path = tmp_path / "export.json"
    path.write_text(json.dumps(whole))
    outcome = import_corrections(path, master)
    assert (outcome.corrected, outcome.confirmed) == (1, 3)
    back = CocoDataset.read(master)
    for old, new in zip(original.images, back.images, strict=True):
        assert [a.rle for a in old.annotations] == [a.rle for a in new.annotations]
    first = back.images[0].annotations[0]
    assert (first.class_id, first.ignore, first.band) == (1, False, "accept")


def test_polygons_of_cvat_are_read_too(out, master, tmp_path):
    whole = content(out)
    whole["annotations"][0]["segmentation"] = [[10, 10, 30, 10, 30, 40, 10, 40]]
    path = tmp_path / "export.json"
    path.write_text(json.dumps(whole))
    outcome = import_corrections(path, master)
    found, _ = CocoDataset.read(master).images[0].annotations
    assert rle.area(found.rle) == 600
    assert (outcome.corrected, outcome.problems) == (1, ())


@pytest.mark.parametrize(
    ("shape", "why"), [([], "is a rectangle, not a mask"), ([[1, 1]], "has no polygon of three")]
)
def test_a_rectangle_is_a_region_that_does_not_count(out, master, tmp_path, shape, why):
    """CVAT writes one as a box with an empty mask; without it, nothing would be there."""
    whole = content(out)
    boxes = ([10, 20, 30, 40], [100, 70, 50, 50])  # of which one reaches beyond its image
    for annotation, box in zip(whole["annotations"], boxes, strict=False):
        annotation |= {"segmentation": shape, "bbox": box}
    path = tmp_path / "export.json"
    path.write_text(json.dumps(whole))
    outcome = import_corrections(path, master)
    assert (outcome.corrected, outcome.objects, outcome.uncounted) == (1, 2, 2)
    found = CocoDataset.read(master).images[0].annotations
    assert [rle.box(one.rle) for one in found] == [(10, 20, 40, 60), (100, 70, 120, 90)]
    assert [(one.class_id, one.ignore, one.band) for one in found] == [
        (0, True, "ignore"), (1, True, "ignore"),
    ]  # fmt: skip
    assert all(f"{why}" in line and "does not count" in line for line in outcome.problems)
    assert len(outcome.problems) == 2
