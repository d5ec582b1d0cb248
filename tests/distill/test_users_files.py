"""What a user trains and measures on stays as it is: names, bytes and times, whatever a command does.

It lies where nobody may write, on a share that knows neither locks nor links.
"""

import ctypes
import errno
import fcntl
import os
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import yaml
from toys import toy_dataset

from distill.cli import main
from tests.distill.label.blobs import scene, write_clip

pytestmark = pytest.mark.slow  # each runs a command

SCHEDULE = {"epochs": 1, "images_per_epoch": 4, "batch_size": 2, "close_mosaic": 0}


listening = []
"""Sets of the names of files that Python opens."""


shares = []
"""Folders of a file system without locks and links."""

_ASKS_FOR = {"fcntl.flock": (0,), "fcntl.lockf": (0,), "os.link": (0, 1), "os.symlink": (1,)}
"""By event: which arguments say where."""


def _hear(event, arguments):
    if shares and event in _ASKS_FOR:
        for place in (arguments[number] for number in _ASKS_FOR[event]):
            path = f"/proc/self/fd/{place}" if type(place) is int else os.fsdecode(place)
            if any(Path(path).resolve().is_relative_to(share) for share in shares):
                raise OSError(errno.ENOLCK if "lock" in event else errno.EPERM, event)
    if event == "open" and isinstance(arguments[0], str):
        for opened in listening:
            opened.add(arguments[0])


sys.addaudithook(_hear)  # for good: there is no way to take one back


@contextmanager
def opened_below(folder):
    """The files below a folder that Python opens meanwhile."""
    found, opened = set(), set()
    listening.append(opened)
    try:
        yield found
    finally:
        listening.remove(opened)
        paths = map(Path, opened)
        found |= {path.relative_to(folder) for path in paths if path.is_relative_to(folder)}


@contextmanager
def on_a_share(folder):
    """No locks and no links below a folder meanwhile, and root may do there what anybody may."""
    libc = ctypes.CDLL(None, use_errno=True)
    head = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, of this thread
    mine, less = ((ctypes.c_uint32 * 6)() for _ in range(2))
    assert libc.capget(head, mine) == 0
    less[:] = mine[:]
    less[0] &= ~0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, of what is in effect
    shares.append(folder.resolve())
    try:
        assert libc.capset(head, less) == 0
        yield
    finally:
        assert libc.capset(head, mine) == 0
        shares.remove(folder.resolve())


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
    places = [folder, *folder.rglob("*")]
    for path in places:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield folder
    for path in places:
        path.chmod(0o755)


@pytest.fixture
def run(world, tmp_path, seeing_weights, monkeypatch):
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
        monkeypatch.chdir(world / "own" / "images")  # what is written where one stands is seen, too
        with opened_below(world) as opened, on_a_share(world):
            code = main([word.format_map(places) for word in words.split()])
        after = state(world)
        known = {"images": {".png"}, "toy.json": {".json"}}
        if "from-yolo" in words:
            known["labels"] = {".txt"}
        beside = {path for path in opened if path.parts[0] in {"own", "val"}}
        beside = {path for path in beside if path.suffix not in known.get(path.parts[1], ())}
        assert not {path for path in beside if (world / path).is_file()}
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


def test_the_share_is_one(world, tmp_path):
    mine = world / "clip.mp4"
    with on_a_share(world), mine.open("rb") as opened:
        with pytest.raises(OSError, match="flock") as refused:
            fcntl.flock(opened, fcntl.LOCK_SH)
        assert refused.value.errno == errno.ENOLCK
        with pytest.raises(PermissionError):
            os.link(mine, tmp_path / "link")
        for path in (mine, world / "own" / "images" / "new"):
            with pytest.raises(PermissionError):
                path.open("ab")


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
