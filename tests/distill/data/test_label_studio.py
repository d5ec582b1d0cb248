"""Label Studio: its brush format to the bit, tasks out, submitted annotations back."""

import json
import re

import numpy as np
import pytest
from labelled import CLASSES, SIZE, data_set

from distill.data import rle
from distill.data.brush import pack_brush, unpack_brush
from distill.data.coco import CocoDataset
from distill.data.import_corrections import import_corrections
from distill.data.label_studio import write_label_studio


@pytest.fixture
def master(tmp_path):
    return data_set(tmp_path / "set")


@pytest.fixture
def tasks(master, tmp_path):
    out = tmp_path / "ls"
    (note,) = write_label_studio(CocoDataset.read(master), master, out)
    assert f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={out}" in note
    return json.loads((out / "tasks.json").read_text())


def submitted(tasks, which=None):
    """What Label Studio exports after a person pressed Submit."""
    for i, task in enumerate(tasks):
        task["id"] = i + 1
        if which is None or i in which:
            result = task["predictions"][0]["result"]
            task["annotations"] = [{"id": i, "was_cancelled": False, "result": result}]
    return tasks


@pytest.fixture
def take(master, tmp_path):
    """Imports tasks into the master."""

    def take(tasks):
        path = tmp_path / "export.json"
        path.write_text(json.dumps(tasks))
        return import_corrections(path, master)

    return take


def test_a_brush_survives_packing():
    rng = np.random.default_rng(0)
    for _ in range(30):
        shape = tuple(rng.integers(1, 40, 2))
        mask = (rng.random(shape) < rng.choice([0, 0.02, 0.5, 1])).astype(np.uint8)
        assert (unpack_brush(pack_brush(mask), shape) == mask).all()


def test_a_run_longer_than_any_size_is_split():
    mask = np.zeros((300, 400), np.uint8)
    mask[299, 399] = 1
    assert (unpack_brush(pack_brush(mask), mask.shape) == mask).all()


def test_the_bits_are_label_studios():
    """Two pixels, the second in: 8 values; 4 zeros in a run of 3 bits, 4 times 255 likewise."""
    bits = f"{8:032b}" + f"{7:05b}" + "0010" + "0011" + "0111" + "1111"
    bits += "1" + "00" + "011" + "00000000" + "1" + "00" + "011" + "11111111"
    bits += "0" * (-len(bits) % 8)
    expected = [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]
    assert pack_brush(np.array([[0, 1]], np.uint8)) == expected


def test_other_run_sizes_words_one_by_one_and_soft_edges_are_read():
    """As a browser may write it: run sizes 2, 3, 4, 5, values one by one, alpha 127 and 128."""
    bits = f"{8:032b}" + f"{7:05b}" + "0001" + "0010" + "0011" + "0100"
    bits += "0" + "01" + "111" + "".join(f"{v:08b}" for v in (9, 9, 9, 127, 9, 9, 9, 128))
    bits += "0" * (-len(bits) % 8)
    data = [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]
    assert unpack_brush(data, (1, 2)).tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ([], "cut off"),
        ([0, 0, 0, 9], "not one of 2x2 pixels"),
        ([0, 0, 0, 16, 57], "cut off"),
        ([300], "not a list of bytes"),
        ("abc", "not a list of bytes"),
        (None, "not a list of bytes"),
    ],
)
def test_a_damaged_brush_is_refused(data, reason):
    with pytest.raises(ValueError, match=reason):
        unpack_brush(data, (2, 2))


def test_tasks_say_where_their_images_are_and_what_the_labels_are(tasks, tmp_path):
    assert [task["data"]["file_name"] for task in tasks][:2] == [
        "street/000000.jpg",
        "street/000002.jpg",
    ]
    assert tasks[0]["data"]["image"] == "/data/local-files/?d=images/street/000000.jpg"
    assert (tmp_path / "ls" / "images" / "street" / "000000.jpg").is_file()
    config = (tmp_path / "ls" / "config.xml").read_text()
    labels = re.findall(r'<Label value="(.*)"/>', config)
    assert labels[:3] == [*CLASSES, "bottle (review)"]
    used = {
        r["value"]["brushlabels"][0] for task in tasks for r in task["predictions"][0]["result"]
    }
    assert used <= set(labels)


def test_what_nobody_changed_comes_back_the_same(tasks, take, master):
    before = master.read_bytes()
    outcome = take(submitted(tasks))
    assert (outcome.corrected, outcome.confirmed, outcome.problems) == (0, 4, ())
    assert master.read_bytes() == before


def test_tasks_that_nobody_submitted_are_left(tasks, take):
    submitted(tasks, which={0})
    tasks[1]["annotations"] = [{"was_cancelled": True, "result": []}]
    assert take(tasks).confirmed == 1


def test_a_brush_that_was_changed_replaces_the_machines_to_the_pixel(tasks, take, master):
    mask = np.zeros(SIZE, np.uint8)
    mask[10:20, 5:50] = 1
    mask[60:70, 80:90] = 1
    submitted(tasks)[0]["annotations"][0]["result"][0]["value"]["rle"] = pack_brush(mask)
    outcome = take(tasks)
    assert (outcome.corrected, outcome.confirmed, outcome.objects) == (1, 3, 2)
    bottle, cup = CocoDataset.read(master).images[0].annotations
    assert (rle.decode(bottle.rle) == mask).all()
    assert (bottle.band, bottle.score, cup.class_id) == ("accept", None, 1)


def test_what_was_renamed_from_review_is_accepted(tasks, take, master):
    submitted(tasks)[1]["annotations"][0]["result"][0]["value"]["brushlabels"] = ["bottle"]
    take(tasks)
    (found,) = CocoDataset.read(master).images[1].annotations
    assert (found.ignore, found.band) == (False, "accept")


def test_polygons_in_percent_are_read(tasks, take, master):
    region = {
        "id": "x",
        "type": "polygonlabels",
        "value": {"points": [[25, 50], [50, 50], [50, 100], [25, 100]], "polygonlabels": ["cup"]},
    }
    submitted(tasks)[0]["annotations"][0]["result"] = [region]
    take(tasks)
    (found,) = CocoDataset.read(master).images[0].annotations
    assert (found.class_id, rle.box(found.rle)) == (1, (30, 45, 60, 90))


def rectangle(label="cup", **more):
    value = {"x": 25, "y": 50, "width": 25, "height": 50, "rotation": 0, **more}
    return {"id": "x", "type": "rectanglelabels", "value": {**value, "rectanglelabels": [label]}}


@pytest.mark.parametrize(
    ("label", "band"), [("cup", "ignore"), ("cup (review)", "review"), ("cup (ignore)", "ignore")]
)
def test_a_rectangle_is_a_region_that_does_not_count(tasks, take, master, label, band):
    submitted(tasks)[0]["annotations"][0]["result"] = [rectangle(label)]
    outcome = take(tasks)
    (found,) = CocoDataset.read(master).images[0].annotations
    assert (found.class_id, found.ignore, found.band) == (1, True, band)
    assert rle.box(found.rle) == (30, 45, 60, 90)
    (line,) = outcome.problems
    assert "region x is a rectangle, not a mask; it becomes a region that does not" in line


def test_a_turned_rectangle_lies_as_it_was_drawn(tasks, take, master):
    turned = rectangle(x=50, y=0, width=50, height=20, rotation=90)  # about its upper left corner
    submitted(tasks)[0]["annotations"][0]["result"] = [turned]
    take(tasks)
    (found,) = CocoDataset.read(master).images[0].annotations
    assert rle.box(found.rle) == (42, 0, 60, 60)


def test_an_ellipse_is_a_mask(tasks, take, master):
    value = {"x": 50, "y": 50, "radiusX": 30, "radiusY": 20, "ellipselabels": ["cup"]}
    region = {"id": "x", "type": "ellipselabels", "value": value}
    submitted(tasks)[0]["annotations"][0]["result"] = [region]
    assert take(tasks).problems == ()
    (found,) = CocoDataset.read(master).images[0].annotations
    assert (found.ignore, found.band) == (False, "accept")
    assert rle.area(found.rle) == pytest.approx(np.pi * 36 * 18, rel=0.02)


def test_an_uploaded_image_is_found_by_our_own_field_or_the_address(tasks, take):
    submitted(tasks)
    tasks[0]["data"]["image"] = "/data/upload/3/1a2b3c4d-000000.jpg"
    del tasks[1]["data"]["file_name"]
    assert take(tasks).confirmed == 4


BAD_REGIONS = {
    "rectangle": ({"value": {"x": 1, "rectanglelabels": ["cup"]}}, "has no x, y, width, height"),
    "endless": (
        {"value": {"x": 1, "y": 1, "radiusX": 1e9, "radiusY": 1, "ellipselabels": ["cup"]}},
        "has no x, y, radiusX, radiusY",
    ),
    "cut off": ({"value": {"rle": [0], "brushlabels": ["cup"]}}, "cut off"),
    "no label": ({"value": {"rle": [0]}}, "has no label"),
    "two points": (
        {"value": {"points": [[1, 1], [2, 2]], "polygonlabels": ["cup"]}},
        "three points",
    ),
    "odd points": ({"value": {"points": [1, 2, 3], "polygonlabels": ["cup"]}}, "three points"),
    "turned": (
        {"image_rotation": 90, "value": {"rle": [0], "brushlabels": ["cup"]}},
        "turned image",
    ),
    "of another size": (
        {"value": {"rle": pack_brush(np.ones((9, 9), np.uint8)), "brushlabels": ["cup"]}},
        "not one of 120x90 pixels",
    ),
    "of a turned copy": (
        {
            "original_width": 90,
            "original_height": 120,
            "value": {"points": [[1, 1], [9, 1], [9, 9]], "polygonlabels": ["cup"]},
        },
        "was drawn on an image of 90x120 pixels, which has 120x90 in the data set",
    ),
    "key point": (
        {
            "type": "keypointlabels",
            "value": {"x": 4, "y": 4, "width": 1, "keypointlabels": ["cup"]},
        },
        "is of the kind 'keypointlabels', which can't be read",
    ),
    "bit mask": (
        {"value": {"imageDataURL": "data:image/png;base64,", "bitmasklabels": ["cup"]}},
        "can't be read",
    ),
    "some later kind": ({"value": {"blob": 1, "bloblabels": ["cup"]}}, "can't be read"),
    "a shape without a label": ({"type": "vector", "value": {"vertices": []}}, "has no label"),
}


@pytest.mark.parametrize(("bad", "reason"), BAD_REGIONS.values(), ids=BAD_REGIONS)
def test_a_region_that_can_t_be_read_is_not_background(tasks, take, master, bad, reason):
    """Its image stays as it was; another is corrected."""
    submitted(tasks)[0]["annotations"][0]["result"][1] = {"id": "bad", **bad}
    tasks[1]["annotations"][0]["result"] = [rectangle()]
    before = CocoDataset.read(master).images
    outcome = take(tasks)
    assert (outcome.corrected, outcome.confirmed, outcome.untouched) == (1, 2, 1)
    assert CocoDataset.read(master).images[0].annotations == before[0].annotations
    line = outcome.problems[0]
    assert "task 1: region bad" in line
    assert reason in line
    assert line.endswith("; its image is left as it was")


@pytest.mark.parametrize("result", [[None], ["x"], {"a": 1}, 7])
def test_a_result_of_another_form_is_not_background(tasks, take, master, result):
    before = master.read_bytes()
    submitted(tasks)[0]["annotations"][0]["result"] = result
    assert take(tasks).untouched == 1
    assert master.read_bytes() == before


def test_a_region_of_no_pixel_hides_nothing(tasks, take):
    empty = {"id": "x", "value": {"points": [[1, 1]] * 3, "polygonlabels": ["cup"]}}
    submitted(tasks)[0]["annotations"][0]["result"][1] = empty
    outcome = take(tasks)
    assert (outcome.corrected, outcome.untouched, outcome.objects) == (1, 0, 1)
    assert outcome.problems[0].endswith("region x has a mask without area; it is left out")


def test_a_smaller_copy_may_have_been_labelled_in_percent(tasks, take, master):
    half = {"original_width": 60, "original_height": 45}
    submitted(tasks)[0]["annotations"][0]["result"] = [rectangle() | half]
    assert take(tasks).corrected == 1
    (found,) = CocoDataset.read(master).images[0].annotations
    assert rle.box(found.rle) == (30, 45, 60, 90)


def test_a_shape_and_its_label_may_be_two_entries(tasks, take, master):
    """So it is with a Labels tag; and a choice about a region repeats its shape."""
    corners = {"points": [[25, 50], [50, 50], [50, 100], [25, 100]]}
    submitted(tasks)[0]["annotations"][0]["result"] = [
        {"id": "a", "type": "polygon", "value": corners},
        {"id": "a", "type": "labels", "value": corners | {"labels": ["cup"]}},
        {"id": "a", "type": "choices", "value": corners | {"choices": ["dented"]}},
    ]
    outcome = take(tasks)
    assert (outcome.corrected, outcome.untouched, outcome.problems) == (1, 0, ())
    (found,) = CocoDataset.read(master).images[0].annotations
    assert (found.class_id, rle.box(found.rle)) == (1, (30, 45, 60, 90))


def test_what_is_no_region_is_passed_over(tasks, take):
    result = submitted(tasks)[0]["annotations"][0]["result"]
    result += [{"type": "choices", "value": {"choices": ["good"]}}, {"type": "relation"}]
    assert take(tasks).confirmed == 4


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_tasks_of_an_image_the_last_one_submitted_counts(tasks, take, master, order):
    """Whoever imports the tasks a second time has each image twice."""
    first = submitted(tasks, {0})[0]
    second = json.loads(json.dumps(first)) | {"id": 99}
    first["annotations"][0]["updated_at"] = "2026-01-01T00:00:00Z"
    second["annotations"][0] |= {"updated_at": "2026-01-02T00:00:00Z", "result": []}
    outcome = take([(first, second)[i] for i in order])
    assert (outcome.corrected, outcome.confirmed, outcome.objects) == (1, 0, 0)
    (line,) = outcome.problems
    assert "is of an image of a task before it; the last submitted counts" in line
    assert CocoDataset.read(master).images[0].annotations == ()
