"""Masks of every kind go out to each labelling tool and come back as they were."""

import json

import numpy as np
import pytest
from PIL import Image

from distill.data import rle
from distill.data.coco import Annotation, CocoDataset, ImageRecord, write_coco
from distill.data.cvat import write_cvat
from distill.data.import_corrections import import_corrections
from distill.data.label_studio import write_label_studio
from distill.data.yolo import write_yolo
from distill.data.yolo_reader import read_yolo

SIZE = (120, 160)
"""Height, width."""
ROWS, COLUMNS = np.mgrid[: SIZE[0], : SIZE[1]]
EMPTY = np.zeros(SIZE, bool)


def disc(x, y, radius):
    return np.hypot(COLUMNS - x, ROWS - y) < radius


def with_pixels(*places):
    mask = EMPTY.copy()
    for x, y in places:
        mask[y, x] = True
    return mask


def sieve():
    holes = [(40, 30), (80, 30), (120, 30), (60, 60), (100, 60), (60, 90), (100, 90)]
    mask = (COLUMNS > 10) & (COLUMNS < 150) & (ROWS > 8) & (ROWS < 112)
    for x, y in holes:
        mask &= ~disc(x, y, 9)
    return mask


SHAPES = {
    "disc": disc(70, 60, 33),
    "ring": disc(60, 60, 50) & ~disc(60, 60, 25),
    "seven holes": sieve(),
    "ring with a core": (disc(80, 60, 50) & ~disc(80, 60, 30)) | disc(80, 60, 12),
    "specks": np.random.default_rng(0).random(SIZE) < 0.03,
    "parts": disc(30, 30, 14) | disc(90, 80, 20) | disc(140, 20, 9),
    "one pixel": with_pixels((57, 43)),
    "two pixels that touch at a corner": with_pixels((20, 30), (21, 31)),
    "the whole image": ~EMPTY,
    "all but one pixel": ~with_pixels((81, 59)),
    "a line": (ROWS == 40) & (COLUMNS > 12) & (COLUMNS < 140),
    "a slanted thread": np.abs(COLUMNS - 1.4 * ROWS) < 0.8,
    "a frayed edge": ROWS < 60 + (COLUMNS * 7 % 11),
    "a chessboard": (ROWS // 3 + COLUMNS // 3) % 2 == 0,
    "the four corners": (disc(0, 0, 9) | disc(159, 0, 5) | disc(0, 119, 3) | disc(159, 119, 1)),
}


@pytest.fixture
def master(tmp_path):
    """One image and one class a shape, so that none can be taken for another."""
    records = []
    for number, mask in enumerate(SHAPES.values(), start=1):
        path = tmp_path / "set" / "images" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", SIZE[::-1], 3 * number).save(path)
        packed = rle.encode(mask.astype(np.uint8))
        shape = Annotation(number - 1, rle.box(packed), packed, ignore=False)
        records.append(ImageRecord(number, path, SIZE[1], SIZE[0], None, None, (shape,)))
    write_coco(tmp_path / "set" / "annotations.json", tuple(SHAPES), records, {})
    return tmp_path / "set" / "annotations.json"


def emptied(master):
    """A data set of the same images, of whose objects nobody knows yet."""
    before = CocoDataset.read(master)
    spot = rle.from_box((1, 1, 3, 3), SIZE)
    unknown = Annotation(0, rle.box(spot), spot, ignore=False)
    records = [
        ImageRecord(r.id, r.path, r.width, r.height, None, None, (unknown,)) for r in before.images
    ]
    path = master.with_name("emptied.json")
    write_coco(path, before.classes, records, {})
    return path


def from_yolo(master, out):
    assert write_yolo(CocoDataset.read(master), master, out)
    found = read_yolo(out / "data.yaml")
    assert found.problems == ()
    write_coco(master.with_name("back.json"), found.classes, found.images, {})
    return CocoDataset.read(master.with_name("back.json"))


def from_cvat(master, out):
    write_cvat(CocoDataset.read(master), master, out)
    into = emptied(master)
    outcome = import_corrections(out / "cvat.zip", into)
    assert (outcome.corrected, outcome.problems) == (len(SHAPES), ())
    return CocoDataset.read(into)


def from_label_studio(master, out):
    write_label_studio(CocoDataset.read(master), master, out)
    tasks = json.loads((out / "tasks.json").read_text())
    for task in tasks:
        task["annotations"] = [{"result": task.pop("predictions")[0]["result"]}]
    (out / "export.json").write_text(json.dumps(tasks))
    into = emptied(master)
    outcome = import_corrections(out / "export.json", into)
    assert (outcome.corrected, outcome.problems) == (len(SHAPES), ())
    return CocoDataset.read(into)


@pytest.mark.parametrize(
    ("way", "least"),
    [(from_yolo, 0.999), (from_cvat, 1), (from_label_studio, 1)],
    ids=["yolo", "cvat", "label-studio"],
)
def test_shapes_come_back(master, tmp_path, way, least):
    back = way(master, tmp_path / "out")
    found = {}
    for record in back.images:
        (one,) = record.annotations
        name = back.classes[one.class_id]
        assert not one.ignore
        shape = rle.encode(SHAPES[name].astype(np.uint8))
        found[name] = rle.overlaps([one.rle], [shape])[0, 0]
    assert found.keys() == SHAPES.keys()
    assert min(found.values()) >= least, found
