"""The whole way on real video: label clips, fine-tune on the labels, compare with the truth."""

import cv2
import numpy as np
import pytest
import yaml

from distill.cli import main
from distill.data import rle
from distill.data.coco import Annotation, CocoDataset, ImageRecord, write_coco
from tests.bench.davis import Sequence

LABELLED, HELD_OUT = Sequence("parkour", "person"), Sequence("breakdance", "person")


@pytest.fixture(scope="module")
def davis(data):
    return data / "davis"


def truth_of(sequence, davis, folder, every):
    """A COCO file of the one object that DAVIS outlines."""
    records = []
    frames = sorted((davis / sequence.name / "frames").glob("*.jpg"))
    masks = sequence.truth(davis)
    for number in range(0, len(frames), every):
        height, width = masks[number].shape
        shape = rle.encode(masks[number].astype(np.uint8))
        person = Annotation(0, rle.box(shape), shape, ignore=False)
        records.append(
            ImageRecord(number + 1, frames[number], width, height, sequence.name, number, (person,))
        )
    write_coco(folder / "truth.json", ["person"], records, {})
    return folder / "truth.json"


@pytest.fixture(scope="module")
def labels(yolo, davis, tmp_path_factory):
    """Parkour, labelled by the teacher."""
    folder = tmp_path_factory.mktemp("davis")
    LABELLED.write_clip(davis, folder / "parkour.mp4")
    words = ["--teacher", str(yolo), "--classes", "person", "--size", "320", "--every", "6"]
    assert (
        main(["label", str(folder / "parkour.mp4"), *words, "--out", str(folder / "labels")]) == 0
    )
    return folder / "labels"


@pytest.mark.slow
def test_labels_of_a_real_clip_are_its_truth(labels, davis):
    truth = LABELLED.truth(davis)
    dataset = CocoDataset.read(labels / "train.json")
    assert len(dataset.images) >= 12
    overlaps = []
    for image in dataset.images:
        seen = [rle.decode(a.rle).astype(bool) for a in image.annotations if not a.ignore]
        wanted = truth[image.frame]
        overlaps.append(max((np.mean(s[s | wanted] & wanted[s | wanted]) for s in seen), default=0))
    assert np.median(overlaps) > 0.7
    assert len({a.track_id for i in dataset.images for a in i.annotations if not a.ignore}) <= 3
    (sheet,) = (labels / "sheets").glob("*.png")
    assert cv2.imread(str(sheet)).shape[1] > 1000


@pytest.mark.slow
def test_from_a_labelled_clip_to_an_evaluation_table(labels, yolo, davis, tmp_path, capsys):
    truth = truth_of(HELD_OUT, davis, tmp_path, every=21)
    stage = {"lr": 1e-3, "own_share": 1.0, "steps": 2}
    config = {
        "run": "run",
        "model": {"size": "tiny", "classes": ["person"], "image_size": 96},
        "data": {"own": str(labels / "train.json"), "val": str(truth)},
        "stages": [
            {"name": "head", "trains": "head", **stage},
            {"name": "all", "trains": "all", **stage},
        ],
        "batch_size": 2,
    }
    (tmp_path / "person.yaml").write_text(yaml.safe_dump(config))
    assert main(["finetune", str(tmp_path / "person.yaml"), "--device", "cpu"]) == 0
    assert "head" in (tmp_path / "run" / "table.md").read_text()
    capsys.readouterr()
    after = tmp_path / "run" / "best.safetensors"
    report = tmp_path / "report"
    words = ["--data", str(truth), "--size", "320", "--out", str(report)]
    assert main(["evaluate", "--model", str(yolo), str(after), *words]) == 0
    said = capsys.readouterr().out
    assert "mask mAP 50" in said
    assert "change" in said
    assert {"metrics.json", "pr.png", "worst.png"} <= {path.name for path in report.iterdir()}
