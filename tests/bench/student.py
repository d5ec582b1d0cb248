"""A student that begins with random weights learns real clips from its teacher alone."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import torch
import yaml

from distill.cli import main
from distill.data import rle
from distill.data.coco import Annotation, ImageRecord, write_coco
from distill.data.images import read_rgb
from distill.evaluate.subject import subject_of_weights
from models.masks import pasted
from tests.bench.davis import SEQUENCES
from tests.bench.outcome import Outcome, Table, Target
from tests.distill.yolos import build, write_coco_weights

if TYPE_CHECKING:
    import argparse

    from tests.bench.davis import Pixels, Sequence

_CLIPS = tuple(sequence for sequence in SEQUENCES if sequence.alone)  # one object to be right about
_CLASSES = [sequence.label for sequence in _CLIPS]
_MODEL, _SIZE_PX = "yolo11n-seg", 192
_EPOCHS, _IMAGES, _BATCH = 25, 192, 8
_EVERY = 3
_MEASURED = range(1, 1000, _EVERY)  # frames that nobody labelled


def run(args: argparse.Namespace) -> Outcome:
    """Label four DAVIS clips with YOLOv8n-seg at 640 px, distill, compare with the true masks."""
    davis = args.data / "davis"
    table = Table(
        f"{_MODEL} at {_SIZE_PX} px on frames that the teacher did not label: mean IoU of the best "
        "answer with DAVIS' object",
        ("clip", "frames", "random weights", "student", "teacher, 640 px"),
        note=f"{_EPOCHS * _IMAGES} images shown, pseudo-labels of every {_EVERY}rd frame only.",
    )
    gains = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        teacher = folder / "teacher.pt"
        write_coco_weights(args.data, teacher)
        student = _distilled(davis, folder, teacher)
        torch.save({"model": build(_MODEL, _CLASSES)}, folder / "untrained.pt")
        for clip in _CLIPS:
            before, after = (
                _overlap(clip, davis, weights, _SIZE_PX)
                for weights in (folder / "untrained.pt", student)
            )
            best = _overlap(clip, davis, teacher, 640)
            table.rows.append((clip.name, len(_frames(clip, davis)), before, after, best))
            gains.append(Target(f"{clip.name}: IoU gained", after - before, ">=", 0.3))
    return Outcome([table], gains)


def _distilled(davis: Path, folder: Path, teacher: Path) -> Path:
    clips = folder / "clips"
    clips.mkdir()
    for clip in _CLIPS:
        clip.write_clip(davis, clips / f"{clip.name}.mp4")
    words = ["--teacher", str(teacher), "--classes", ",".join(_CLASSES), "--every", str(_EVERY)]
    _run("label", str(clips), *words, "--val-share", "0", "--out", str(folder / "labels"))
    _write_truth(davis, folder / "truth.json")
    config = {
        "run": "run",
        "student": {"model": _MODEL, "classes": _CLASSES, "image_size": _SIZE_PX},
        "teacher": {"weights": "teacher.pt"},
        "data": {"pseudo": "labels/annotations.json", "val": "truth.json"},
        "schedule": {
            "epochs": _EPOCHS,
            "images_per_epoch": _IMAGES,
            "batch_size": _BATCH,
            "lr": 0.002,
            "close_mosaic": 8,
        },
        "augmentation": {"mosaic": 0.3, "scale": 0.3},
    }
    (folder / "distill.yaml").write_text(yaml.safe_dump(config))
    _run("distill", str(folder / "distill.yaml"))
    return folder / "run" / "student.pt"


def _run(*words: str) -> None:
    print("student:", *words, file=sys.stderr)
    if main([*words, "--device", "cpu"]):
        raise SystemExit(1)


def _write_truth(davis: Path, path: Path) -> None:
    """The frames that are measured on, as a data set."""
    records = []
    for label, clip in enumerate(_CLIPS):
        for frame, mask in _frames(clip, davis):
            shape = rle.encode(mask.astype(np.uint8))
            found = Annotation(label, rle.box(shape), shape, ignore=False)
            height, width = mask.shape
            number = len(records) + 1
            records.append(ImageRecord(number, frame, width, height, clip.name, number, (found,)))
    write_coco(path, _CLASSES, records, {})


def _frames(clip: Sequence, davis: Path) -> list[tuple[Path, Pixels]]:
    frames = sorted((davis / clip.name / "frames").glob("*.jpg"))
    truth = clip.truth(davis)
    return [(frames[i], truth[i]) for i in _MEASURED if i < len(frames)]


def _overlap(clip: Sequence, davis: Path, weights: Path, size: int) -> float:
    subject = subject_of_weights(str(weights), size, "cpu")
    predict = subject.seeing(_CLASSES)
    overlaps = []
    for frame, wanted in _frames(clip, davis):
        (found,) = predict([read_rgb(frame)])
        covered = np.zeros(wanted.shape, bool)
        if len(found):
            covered = pasted(found.masks[0], wanted.shape[::-1])
        overlaps.append((covered & wanted).sum() / (covered | wanted).sum())
    return float(np.mean(overlaps))
