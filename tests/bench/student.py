"""A student that begins with random weights learns real clips from its teacher alone.

YOLOv8n-seg teaches by its labels and by what it thinks of every picture that the student is shown;
IS-Net, fourteen times as large, by its labels alone.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

import numpy as np
import torch
import yaml

from distill.cli import main
from distill.data import rle
from distill.data.coco import Annotation, CocoDataset, ImageRecord, write_coco
from distill.data.images import read_rgb
from distill.predict.open import load_teacher
from models.masks import pasted
from tests.bench.davis import SEQUENCES
from tests.bench.isnet import GET_IT
from tests.bench.outcome import NOTHING, Outcome, Table, Target
from tests.distill.yolos import build, write_coco_weights

if TYPE_CHECKING:
    import argparse

    from tests.bench.davis import Pixels, Sequence

    _Overlaps = dict[str, float]  # by clip
    _Columns = dict[str, list[_Overlaps]]  # of each seed, by title

_CLIPS = tuple(sequence for sequence in SEQUENCES if sequence.alone)  # one object to be right about
_CLASSES = list(dict.fromkeys(sequence.label for sequence in _CLIPS))
_MODEL, _SIZE_PX = "yolo11n-seg", 192
_EPOCHS, _IMAGES, _BATCH = 25, 192, 8
_EVERY = 3
_MEASURED = range(1, 1000, _EVERY)  # frames that nobody labelled
_MIN_SCORE = 0.01  # the best answer counts, sure or not


@dataclass(frozen=True)
class _Arm:
    """What students learn from.

    Attributes:
        title: of their column.
        labels: a folder below the bench's own.
        losses: whether YOLOv8n-seg is imitated beside them.
    """

    title: str
    labels: str
    losses: bool


_CONTROL = _Arm("student of YOLO's labels", "labels-yolo", losses=False)
_STUDENT = _Arm("and of its losses", _CONTROL.labels, losses=True)
_OF_ISNET = _Arm("student of IS-Net's labels", "labels-isnet", losses=False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this program."""
    group = parser.add_argument_group("student")
    group.add_argument(
        "--isnet", type=Path, metavar="ONNX", help=f"a large teacher beside YOLO; get it: {GET_IT}"
    )
    group.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="students of each kind (%(default)s)"
    )


def run(args: argparse.Namespace) -> Outcome:
    """Label DAVIS clips, distill, compare with the true masks; what is done is kept in the cache."""
    davis, folder = args.data / "davis", (args.cache / "student").absolute()
    _prepare(args.data, folder)
    arms = [_CONTROL, _STUDENT]
    columns = {"YOLO's labels": [_worth(folder / _CONTROL.labels, davis)]}
    if args.isnet:
        _label_with_isnet(folder, args.isnet.absolute())
        columns["IS-Net's labels"] = [_worth(folder / _OF_ISNET.labels, davis)]
        arms.append(_OF_ISNET)
    columns["random weights"] = [_overlaps(folder / "untrained.pt", davis)]
    precision = dict.fromkeys(columns, NOTHING)
    for arm in arms:
        runs = [_distilled(folder, arm, seed) for seed in range(args.seeds)]
        columns[arm.title] = [_overlaps(path / "student.pt", davis) for path in runs]
        maps = [json.loads((path / "val.json").read_bytes())["mask_map"] for path in runs]
        precision[arm.title] = _spread(maps)
    return Outcome([_table(columns, precision, davis)], _targets(columns))


def _table(columns: _Columns, precision: dict[str, str], davis: Path) -> Table:
    table = Table(
        f"{_MODEL} at {_SIZE_PX} px on frames that no teacher labelled: mean IoU of the best "
        "answer with DAVIS' object",
        ("clip", "frames", *columns),
        note=f"{_EPOCHS * _IMAGES} pictures shown, labels of every {_EVERY}rd frame only; theirs is "
        "the IoU on those. Of several seeds the mean, the least and the greatest.",
    )
    for clip in _CLIPS:
        cells = [_spread([one[clip.name] for one in runs]) for runs in columns.values()]
        table.rows.append((clip.name, len(_frames(clip, davis)), *cells))
    cells = [_spread([mean(one.values()) for one in runs]) for runs in columns.values()]
    table.rows.append(("mean", NOTHING, *cells))
    table.rows.append(("mask mAP", NOTHING, *(precision[title] for title in columns)))
    return table


def _targets(columns: _Columns) -> list[Target]:
    (before,) = columns["random weights"]
    students = columns[_STUDENT.title]
    return [
        Target(
            f"{clip.name}: IoU gained",
            mean(one[clip.name] for one in students) - before[clip.name],
            ">=",
            0.3,
        )
        for clip in _CLIPS
    ]


def _spread(values: list[float]) -> str:
    """The mean, and between what it lies."""
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{mean(values):.3f} ({min(values):.3f}-{max(values):.3f})"


def _prepare(data: Path, folder: Path) -> None:
    """Weights, clips, the truth, and the labels of YOLOv8n-seg."""
    clips = folder / "clips"
    clips.mkdir(parents=True, exist_ok=True)
    for clip in _CLIPS:
        if not (path := clips / f"{clip.name}.mp4").exists():
            clip.write_clip(data / "davis", path)
    if not (teacher := folder / "teacher.pt").exists():  # other bytes would be another teacher
        write_coco_weights(data, teacher)
    torch.save({"model": build(_MODEL, _CLASSES)}, folder / "untrained.pt")
    _write_truth(data / "davis", folder / "truth.json")
    _label(clips, folder / _CONTROL.labels, teacher, _CLASSES)


def _label_with_isnet(folder: Path, isnet: Path) -> None:
    """Clip by clip, for it knows no classes and we say what each shows; then all as one."""
    out, records = folder / _OF_ISNET.labels, []
    for clip in _CLIPS:
        _label(folder / "clips" / f"{clip.name}.mp4", out / clip.name, isnet, [clip.label])
        for image in CocoDataset.read(out / clip.name / "annotations.json").images:
            class_id, number = _CLASSES.index(clip.label), len(records) + 1
            found = tuple(replace(one, class_id=class_id) for one in image.annotations)
            records.append(replace(image, id=number, annotations=found))
    write_coco(out / "annotations.json", _CLASSES, records, {})


def _label(clips: Path, out: Path, teacher: Path, classes: list[str]) -> None:
    words = ["--teacher", str(teacher), "--classes", ",".join(classes), "--every", str(_EVERY)]
    _run("label", str(clips), *words, "--val-share", "0", "--out", str(out))


def _distilled(folder: Path, arm: _Arm, seed: int) -> Path:
    """The folder of a student."""
    name = f"{'losses' if arm.losses else 'control'}-{arm.labels}-{seed}"
    config = {
        "run": name,
        "student": {"model": _MODEL, "classes": _CLASSES, "image_size": _SIZE_PX},
        "teacher": {"weights": "teacher.pt"},
        "data": {
            "pseudo": f"{arm.labels}/annotations.json",
            "val": "truth.json",
        },
        "schedule": {
            "epochs": _EPOCHS,
            "images_per_epoch": _IMAGES,
            "batch_size": _BATCH,
            "lr": 0.002,
            "close_mosaic": 8,
        },
        "augmentation": {"mosaic": 0.3, "scale": 0.3},
        "seed": seed,
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(config))
    _run("distill", str(path), *([] if arm.losses else ["--control"]))
    return folder / name


def _run(*words: str) -> None:
    print("student:", *words, file=sys.stderr, flush=True)
    if main([*words, "--device", "cpu"]):
        raise SystemExit(1)


def _write_truth(davis: Path, path: Path) -> None:
    """The frames that are measured on, as a data set."""
    records = []
    for clip in _CLIPS:
        for frame, mask in _frames(clip, davis):
            shape = rle.encode(mask.astype(np.uint8))
            label_id = _CLASSES.index(clip.label)
            found = Annotation(label_id, rle.box(shape), shape, ignore=False)
            height, width = mask.shape
            number = len(records) + 1
            records.append(ImageRecord(number, frame, width, height, clip.name, number, (found,)))
    write_coco(path, _CLASSES, records, {})


def _frames(clip: Sequence, davis: Path) -> list[tuple[Path, Pixels]]:
    frames = sorted((davis / clip.name / "frames").glob("*.jpg"))
    truth = clip.truth(davis)
    return [(frames[i], truth[i]) for i in _MEASURED if i < len(frames)]


def _worth(labels: Path, davis: Path) -> _Overlaps:
    """Mean IoU by clip of the label that is surest; 0 where none is accepted."""
    truth = {clip.name: clip.truth(davis) for clip in _CLIPS}
    overlaps: dict[str, list[float]] = {name: [] for name in truth}
    for image in CocoDataset.read(labels / "annotations.json").images:
        wanted, found = truth[image.clip][image.frame], np.zeros((image.height, image.width))
        accepted = [one for one in image.annotations if not one.ignore]
        if accepted:
            found = rle.decode(max(accepted, key=lambda one: one.score or 0).rle)
        overlaps[image.clip].append(_iou(found > 0, wanted))
    return {name: mean(every) for name, every in overlaps.items()}


def _overlaps(weights: Path, davis: Path) -> _Overlaps:
    """Mean IoU by clip of a network's best answer."""
    network = load_teacher(weights, image_size=_SIZE_PX, device="cpu")
    found = {}
    for clip in _CLIPS:
        overlaps = []
        for frame, wanted in _frames(clip, davis):
            (seen,) = network.predict([read_rgb(frame)], min_score=_MIN_SCORE)
            covered = np.zeros(wanted.shape, bool)
            if seen.masks:
                covered = pasted(seen.masks[0], wanted.shape[::-1])
            overlaps.append(_iou(covered, wanted))
        found[clip.name] = mean(overlaps)
    return found


def _iou(found: Pixels, wanted: Pixels) -> float:
    return float((found & wanted).sum() / max(1, (found | wanted).sum()))
