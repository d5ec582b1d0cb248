"""What a user trains and measures on stays as it is: names, bytes and times, whatever a command does."""

import shutil

import numpy as np
import pytest
import yaml
from toys import toy_dataset

from distill.cli import main
from tests.distill.label.blobs import scene, write_clip

pytestmark = pytest.mark.slow  # each runs a command

SCHEDULE = {"epochs": 1, "images_per_epoch": 4, "batch_size": 2, "close_mosaic": 0}


def state(folder):
    return {
        path.relative_to(folder): (path.stat().st_mtime_ns, path.is_file() and path.read_bytes())
        for path in (folder, *folder.rglob("*"))
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Data sets among files whose names mean something to Ultralytics, and a clip."""
    folder = tmp_path_factory.mktemp("mine")
    for seed, name in enumerate(("own", "val")):
        toy_dataset(folder / name, 4, seed)
        images = folder / name / "images"
        np.save(images / "1.npy", np.zeros((256, 64, 64), np.float32))
        (images / "2.npy").write_bytes(b"no array")
        np.save(images / "3.npy", np.zeros((48, 64, 3), np.uint8))  # as their cache would be
        shutil.copytree(images, folder / name / "labels")
        (folder / name / "labels" / "1.txt").write_text("0 0.1 0.1 0.9 0.1 0.9 0.9\n")
        for cache in ("images.cache", "labels.cache", "labels/labels.cache", "images/images.cache"):
            (folder / name / cache).write_bytes(b"mine")
    (folder / "data.yaml").write_text("train: own/images\nval: val/images\nnames: [bottle]\n")
    write_clip(folder / "clip.mp4", [scene(i) for i in range(4)])
    return folder


@pytest.fixture
def run(world, tmp_path, seeing_weights):
    """Run a command; what it may name: the user's files, and a folder for what it writes."""
    own, val = world / "own" / "toy.json", world / "val" / "toy.json"
    data = {"labelled": str(own), "val": str(val)}
    student = {
        "run": str(tmp_path / "student"),
        "student": {"model": "yolov8n-seg", "classes": ["bottle"], "image_size": 64},
        "teacher": {"weights": str(seeing_weights)},
        "data": data,
        "schedule": SCHEDULE,
    }
    ours = student | {"student": student["student"] | {"model": "rtmdet-ins-tiny"}}
    finetune = {
        "run": str(tmp_path / "finetune"),
        "model": {"classes": ["bottle"], "image_size": 64},
        "data": {"own": [str(own)], "val": str(val)},
        "stages": [{"name": "all", "trains": "all", "steps": 2, "lr": 1e-4}],
        "batch_size": 2,
    }
    for name, content in (("student", student), ("ours", ours), ("finetune", finetune)):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content))
    places = {
        "own": own, "val": val, "world": world, "out": tmp_path / "out", "here": tmp_path,
        "weights": seeing_weights,
    }  # fmt: skip

    def run(words):
        before = state(world)
        code = main([word.format_map(places) for word in words.split()])
        after = state(world)
        assert after.keys() == before.keys()
        assert after == before
        return code

    return run


@pytest.mark.parametrize(
    "words",
    [
        "labels show {own}",
        "labels export {own} --format yolo --out {out}",
        "labels export {own} --format cvat --out {out}",
        "labels export {own} --format label-studio --out {out}",
        "labels from-yolo {world}/data.yaml --out {here}/yolo.json",
        "label {world}/clip.mp4 --teacher {weights} --classes bottle --size 64 --out {out}",
        "finetune {here}/finetune.yaml --dry-run",
        "finetune {here}/finetune.yaml",
        "distill {here}/student.yaml --dry-run",
        "distill {here}/student.yaml",
        "distill {here}/ours.yaml",
        "evaluate --model {weights} --data {val} --out {out} --sweep",
        "pack {weights} --golden {val} --redact-background --out {here}/x.sfm --unsigned --size 64",
    ],
)
def test_a_command_leaves_them(run, words):
    assert run(words) == 0


def test_an_export_is_no_second_name_of_them(world, tmp_path):
    """Ultralytics mends JPEGs in place, and people crop."""
    for format_ in ("yolo", "cvat", "label-studio"):
        own, out = world / "own" / "toy.json", tmp_path / format_
        before = state(world)
        assert main(["labels", "export", str(own), "--format", format_, "--out", str(out)]) == 0
        images = [path for path in out.rglob("*.png") if path.is_file()]
        assert len(images) == 4
        for image in images:
            image.write_bytes(b"another")
        assert state(world) == before
