"""What distillation costs: a training step with and without a teacher as large as its student."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import torch
import yaml

from distill.data.coco import write_coco
from distill.data.yolo_reader import read_yolo
from distill.finetune.metrics_log import read_metrics
from distill.student.config import read_config
from distill.student.run import train_student
from models.coco_names import COCO_NAMES
from tests.bench.outcome import Outcome, Table, Target
from tests.distill.yolos import write_coco_weights

if TYPE_CHECKING:
    import argparse

_MODEL = "yolov8n-seg"
_SIZE_PX, _BATCH = 320, 16
_EPOCHS, _IMAGES = 2, 128
_WARM_UP = 3  # steps that allocate
_TURNS = 2
_LIMIT = 1.6


@dataclass(frozen=True)
class _Cost:
    seconds: list[float]
    megabytes: float


def run(args: argparse.Namespace) -> Outcome:
    """Train both arms in turn, each in a process of its own, on 128 images of COCO."""
    arms: dict[str, list[_Cost]] = {"control": [], "distilled": []}
    with TemporaryDirectory() as folder:
        config = _prepare(args.data, Path(folder))
        for turn in range(_TURNS):
            for arm, costs in arms.items():
                print(f"distill: {arm}, turn {turn + 1}", file=sys.stderr)
                costs.append(_train(config, arm, Path(folder) / f"{arm}-{turn}"))
    table = Table(
        f"One step of {_BATCH} images at {_SIZE_PX} px, {_MODEL}, on the CPU in float32",
        ("arm", "seconds, median", "images a second", "peak memory, MB"),
        note=f"{torch.get_num_threads()} threads; the teacher is {_MODEL} with COCO's weights, "
        "all four losses on.",
    )
    step = {}
    for arm, costs in arms.items():
        step[arm] = median(second for cost in costs for second in cost.seconds)
        memory = max(cost.megabytes for cost in costs)
        table.rows.append((arm, step[arm], _BATCH / step[arm], memory))
    ratio = step["distilled"] / step["control"]
    return Outcome([table], [Target("step with a teacher / without", ratio, "<=", _LIMIT)])


def _prepare(data: Path, folder: Path) -> Path:
    dataset = read_yolo(data / "coco128-seg", COCO_NAMES)
    write_coco(folder / "all.json", dataset.classes, dataset.images, {})
    write_coco(folder / "val.json", dataset.classes, dataset.images[:2], {})
    write_coco(folder / "train.json", dataset.classes, dataset.images[2:], {})
    write_coco_weights(data, folder / "teacher.pt")
    content = {
        "run": "run",
        "student": {"model": _MODEL, "classes": list(COCO_NAMES), "image_size": _SIZE_PX},
        "teacher": {"weights": "teacher.pt"},
        "data": {"labelled": "train.json", "val": "val.json"},
        "schedule": {
            "epochs": _EPOCHS,
            "images_per_epoch": _IMAGES,
            "batch_size": _BATCH,
            "close_mosaic": 0,
        },
        "distill": {"warmup": 0.0, "stop": 1.0},
    }
    path = folder / "distill.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def _train(config: Path, arm: str, out: Path) -> _Cost:
    words = [sys.executable, "-m", "tests.bench.distill", str(config), arm, str(out)]
    answer = subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return _Cost(**json.loads(answer.stdout.splitlines()[-1]))


def _arm(config_path: str, arm: str, out: str) -> None:
    config = read_config(Path(config_path)).model_copy(update={"run": Path(out)})
    with Path(os.devnull).open("w") as nowhere:
        said, sys.stdout = sys.stdout, nowhere
        train_student(config.control() if arm == "control" else config, "cpu")
        sys.stdout = said
    lines = read_metrics(Path(out) / "losses.jsonl")
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = [line["seconds"] for line in lines[_WARM_UP:]]
    print(json.dumps({"seconds": seconds, "megabytes": kilobytes / 1024}))


if __name__ == "__main__":
    _arm(*sys.argv[1:])
