"""Fine-tuning in stages against its simpler rivals, on procedural scenes.

A network that knows five kinds of things of domain a, as COCO's weights know eighty, shall find
bottles of domain b: few clips of one's own, and many images of domain a as the public dataset.
Every arm starts from the same weights with a fresh class layer and sees as many images.
What was finished in `--work` is not done again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.bench.outcome import NOTHING, Outcome, Table, Target

if TYPE_CHECKING:
    import argparse

_SIZE = "320x240"
_IMAGE_SIZE = 320
_BATCH = 8
_PRETRAIN_STEPS = 1150
_TARGET_AP50 = 0.80
_TARGET_MINUTES = 30

_BEFORE = "before: its own class bottle"
_STAGED = "staged: head, then all, then own"
_LONGER = "staged, twice as long on own"
_AT_ONCE = "all at once, mixed data"
_HEAD_ONLY = "head only, mixed data, then own"
_SHORT = "staged, short"
_SHORT_AT_ONCE = "all at once, short"

_DATASETS = {
    "a5": "--images 4000 --domain a --seed 1 --val 0.05 --classes bottle,can,cup,jar,box",
    "a1": "--images 4000 --domain a --seed 1 --val 0.05",
    "own": "--clips 80 --frames 8 --domain b --seed 2 --val 0",
    "held": "--clips 40 --frames 4 --domain b --seed 3 --val 0",
}


def _stage(name: str, trains: str, steps: int, own_share: float, **more: float) -> dict[str, Any]:
    return {
        "name": name,
        "trains": trains,
        "steps": steps,
        "lr": 1e-3,
        "own_share": own_share,
        "strong_share": 0.0,
        **more,
    }


def _staged(head: int, both: int, own: int) -> list[dict[str, Any]]:
    return [
        _stage("head", "head", head, 0.5),
        _stage("all", "all", both, 0.5),
        _stage("own", "all", own, 1.0, lr=5e-4),
    ]


_ARMS = {
    _STAGED: _staged(120, 480, 400),
    _LONGER: _staged(120, 480, 800),
    _AT_ONCE: [_stage("mixed", "all", 1000, 0.5)],
    _HEAD_ONLY: [
        _stage("mixed", "head", 600, 0.5),
        _stage("own", "head", 400, 1.0, lr=5e-4),
    ],
    _SHORT: _staged(20, 70, 60),
    _SHORT_AT_ONCE: [_stage("mixed", "all", 150, 0.5)],
}
_FILE_NAME = str.maketrans({" ": "-", ",": None, ":": None})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this program."""
    group = parser.add_argument_group("finetune")
    group.add_argument(
        "--work",
        type=Path,
        default=Path("out/finetune"),
        metavar="DIR",
        help="data and runs; what is finished there is kept (%(default)s)",
    )


def run(args: argparse.Namespace) -> Outcome:
    """Render, pretrain, fine-tune each arm, and measure all on held-out clips."""
    work = args.work.absolute()
    work.mkdir(parents=True, exist_ok=True)
    for name, options in _DATASETS.items():
        _sfumato_distill("synth", "--out", str(work / name), "--size", _SIZE, *options.split())
    pretrained = _trained(work, "pretrain", _pretraining(work))
    # One core an arm: two side by side take less than two threads on one after the other.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        paths = pool.map(
            lambda arm: _trained(
                work, arm.translate(_FILE_NAME), _finetuning(work, pretrained, _ARMS[arm])
            ),
            _ARMS,
        )
        weights = dict(zip(_ARMS, paths, strict=True))
    minutes = {arm: _minutes(path.parent / "metrics.jsonl") for arm, path in weights.items()}
    found = _measured(work, {_BEFORE: pretrained, **weights})
    clips = _DATASETS["held"].split()[1]
    table = Table(
        f"Bottles of domain b on {clips} held-out clips: tiny, {_IMAGE_SIZE} px",
        ("", "images", "mask mAP", "mask mAP50", "box mAP", "training, minutes"),
        [
            (arm, _images(_ARMS.get(arm, [])), *figures, minutes.get(arm, NOTHING))
            for arm, figures in found.items()
        ],
        f"{_BEFORE}: trained on {_PRETRAIN_STEPS * _BATCH} images of domain a. Last weights, "
        "one seed, bfloat16, one core each.",
    )
    ahead = {
        other: found[staged][0] - found[other][0]
        for staged, other in (
            (_STAGED, _HEAD_ONLY),
            (_STAGED, _AT_ONCE),
            (_SHORT, _SHORT_AT_ONCE),
        )
    }
    return Outcome(
        [table],
        [
            Target(f"{_LONGER}: mask mAP50", found[_LONGER][1], ">=", _TARGET_AP50),
            Target(f"{_LONGER}: training, minutes", minutes[_LONGER], "<=", _TARGET_MINUTES),
            *(
                Target(f"staged less '{other}', mask mAP", lead, ">=", 0.0)
                for other, lead in ahead.items()
            ),
        ],
    )


def _images(stages: list[dict[str, Any]]) -> int | str:
    return sum(stage["steps"] for stage in stages) * _BATCH or NOTHING


def _pretraining(work: Path) -> dict[str, Any]:
    return {
        "model": {
            "size": "tiny",
            "classes": ["bottle", "can", "cup", "jar", "box"],
            "image_size": _IMAGE_SIZE,
        },
        "data": {"own": str(work / "a5/train.json"), "val": str(work / "a5/val.json")},
        "stages": [
            {
                "name": "all",
                "trains": "all",
                "steps": _PRETRAIN_STEPS,
                "lr": 1e-3,
                "strong_share": 0.6,
            }
        ],
        "augmentation": {"scale_min": 0.4, "scale_max": 1.5},
        "optimizer": {"clip_norm": 10.0},
        "evaluate_every": 400,
    }


def _finetuning(work: Path, weights: Path, stages: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "model": {
            "size": "tiny",
            "weights": str(weights),
            "head": "fresh",
            "classes": ["bottle"],
            "image_size": _IMAGE_SIZE,
        },
        "data": {
            "own": str(work / "own/train.json"),
            "public": str(work / "a1/train.json"),
            "val": str(work / "held/train.json"),
        },
        "stages": stages,
        "augmentation": {"scale_min": 0.6, "scale_max": 1.5},
        "evaluate_every": 10_000,
    }


def _trained(work: Path, name: str, config: dict[str, Any]) -> Path:
    """The last weights of a run, which is begun, gone on with, or found finished."""
    shared = {
        "batch_size": _BATCH,
        "checkpoint_every": 100,
        "precision": "bf16",
    }
    path = work / f"{name}.yaml"
    path.write_text(yaml.safe_dump({"run": f"runs/{name}", **shared, **config}))
    _sfumato_distill("finetune", str(path), "--device", "cpu")
    return work / "runs" / name / "last.safetensors"


def _measured(work: Path, weights: dict[str, Path]) -> dict[str, tuple[float, float, float]]:
    """Mask mAP, mask mAP50 and box mAP on the held-out clips."""
    report = work / "report"
    held = str(work / "held" / "train.json")
    models = [str(path) for path in weights.values()]
    _sfumato_distill("evaluate", "--model", *models, "--data", held, "--out", str(report))
    found = json.loads((report / "metrics.json").read_text())["models"]
    return {
        arm: (model["mask_map"], model["mask_map50"], model["box_map"])
        for arm, model in zip(weights, found, strict=True)
    }


def _minutes(log: Path) -> float:
    """What the steps took, evaluations not counted."""
    steps = [json.loads(line) for line in log.read_text().splitlines()]
    return sum(_BATCH / step["images_per_s"] for step in steps if "images_per_s" in step) / 60


def _sfumato_distill(*words: str) -> None:
    command = [sys.executable, "-c", "from distill.cli import main; raise SystemExit(main())"]
    print(f"finetune: {' '.join(words[:4])}", file=sys.stderr)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run([*command, *words], check=True, stdout=sys.stderr, env=environment)
