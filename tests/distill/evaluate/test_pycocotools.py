"""The same figures as pycocotools, on a data set with crowds, empty images and images without finds.

What pycocotools 2.0 gives for it stands here, and it has to say so itself of what we write for it.
"""

import json
from random import Random

import numpy as np
import pytest
from evaluating import SIZE, oracle, world
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from distill.data import rle as run_length
from distill.data.coco import category_ids, read_coco_json, write_coco
from distill.data.json_file import write_json_list
from distill.data.record import Annotation
from distill.evaluate import evaluate
from distill.evaluate.results_file import Results
from models.instances import Instances, Mask

CLASSES = ("cup", "can", "jug")
IMAGES = 40
IDS = {1: 7, 2: 3, 3: 90}
"""Of categories in a file, where they have gaps and another order."""
NONE = float("nan")
EXPECTED = {
    "mask": [0.172142, 0.504011, 0.056149, 0.179518, 0.070792, NONE, 0.160311, 0.183973, NONE],
    "box": [0.23094, 0.522461, 0.170373, 0.243225, 0.042904, NONE, 0.199273, 0.262606, NONE],
}
"""By kind: AP, at 0.50, at 0.75, of small, medium and large ones, then AP by class; NaN where
pycocotools says -1."""


def scene(number):
    """An image's objects (class, crowd, rectangles) and finds (class, score, rectangles)."""
    draw = Random(number)  # noqa: S311 the same draws everywhere
    if number % 8 == 0:
        return [], [] if number % 16 else [(0, 0.6, [rectangle(draw)])]
    objects = [
        (draw.randrange(2), draw.random() < 0.2, [rectangle(draw) for _ in range(1 + i % 2)])
        for i in range(draw.randrange(1, 6))
    ]
    finds = []
    for kind, crowd, parts in objects:
        for _ in range(draw.randrange(3) if crowd else draw.choice((0, 1, 1, 1, 2))):
            moved = [[side + draw.randrange(-3, 4) for side in part] for part in parts]
            seen_as = kind if draw.random() < 0.9 else draw.randrange(3)
            finds.append((seen_as, draw.randrange(20, 1000) / 1000, moved))
    finds += [(draw.randrange(3), draw.randrange(20, 400) / 1000, [rectangle(draw)])]
    return objects, [] if number % 8 == 3 else finds


def rectangle(draw):
    x, y = draw.randrange(4, 90), draw.randrange(4, 60)
    return [x, y, x + draw.randrange(8, 34), y + draw.randrange(8, 32)]


def painted(parts):
    mask = np.zeros(SIZE, np.uint8)
    for x0, y0, x1, y1 in parts:
        mask[max(0, y0) : y1, max(0, x0) : x1] = 1
    return mask


def truths(number):
    for kind, crowd, parts in scene(number)[0]:
        packed = run_length.encode(painted(parts))
        yield Annotation(kind, run_length.box(packed), packed, crowd)


def found(number):
    """Masks in the size of the image; boxes around them."""
    rows = [(kind, score, painted(parts)) for kind, score, parts in scene(number)[1]]
    boxes = [run_length.box(run_length.encode(mask)) for _, _, mask in rows]
    return Instances(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array([score for _, score, _ in rows], np.float32),
        np.array([kind for kind, _, _ in rows], np.int64),
        tuple(Mask(0, 0, mask * np.uint8(255)) for _, _, mask in rows),
    )


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Figures, and the files that pycocotools reads: the truth, with ids of its own, and the finds."""
    folder = tmp_path_factory.mktemp("world")
    dataset = world(folder, [list(truths(number)) for number in range(IMAGES)], CLASSES)
    truth, finds = folder / "truth.json", folder / "finds.json"
    write_coco(truth, CLASSES, dataset.images, {})
    whole = json.loads(truth.read_bytes())
    for each in whole["categories"]:
        each["id"] = IDS[each["id"]]
    for each in whole["annotations"]:
        each["category_id"] = IDS[each["category_id"]]
    truth.write_text(json.dumps(whole))
    results = Results(category_ids(read_coco_json(truth), CLASSES))
    predict = oracle([found(number) for number in range(IMAGES)])
    figures = evaluate(predict, dataset, hear=results.add)
    write_json_list(finds, results.rows)
    return figures, truth, finds


def test_the_data_set_has_what_is_hard():
    images = [(list(truths(number)), found(number)) for number in range(IMAGES)]
    assert sum(not objects for objects, _ in images) >= 4
    assert sum(bool(objects) and not len(finds) for objects, finds in images) >= 4
    assert sum(not objects and len(finds) > 0 for objects, finds in images) >= 2
    assert sum(one.ignore for objects, _ in images for one in objects) >= 10
    assert sum(len(finds) for _, finds in images) > 100


@pytest.mark.parametrize("kind", ["mask", "box"])
def test_average_precision_is_pycocotools_to_four_digits(measured, kind):
    got = getattr(measured[0], kind)
    row = [got.ap, got.ap50, got.ap75, got.small, got.medium, got.large, *got.class_ap]
    assert row == pytest.approx(EXPECTED[kind], abs=5e-5, nan_ok=True)


@pytest.mark.parametrize(("kind", "theirs"), [("mask", "segm"), ("box", "bbox")])
def test_pycocotools_reads_the_predictions_and_gives_the_same(measured, kind, theirs, capsys):
    figures, truth, finds = measured
    rows = json.loads(finds.read_bytes())
    assert len(rows) == sum(len(found(number)) for number in range(IMAGES))
    if kind == "mask":  # else it would take the boxes' areas for those of the masks
        rows = [{key: row[key] for key in row if key != "bbox"} for row in rows]
    whole = COCO(str(truth))
    judge = COCOeval(whole, whole.loadRes(rows if kind == "mask" else str(finds)), theirs)
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    got = getattr(figures, kind)
    ours = [got.ap, got.ap50, got.ap75, got.small, got.medium, got.large]
    assert [NONE if value < 0 else value for value in judge.stats[:6]] == pytest.approx(
        ours, abs=5e-5, nan_ok=True
    )
    both = COCOeval(whole, whole.loadRes(str(finds)), "segm")  # as the file is, all sizes together
    both.evaluate()
    both.accumulate()
    both.summarize()
    assert both.stats[0] == pytest.approx(figures.mask.ap, abs=5e-5)
    capsys.readouterr()
