"""A toy world to train on: red ellipses are bottles, green ones are not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import yaml
from PIL import Image

from distill.data import rle
from distill.data.coco import Annotation, ImageRecord, write_coco

ROOT = Path(__file__).resolve().parents[2]
HEIGHT, WIDTH = 48, 64

TRAIN = """
import sys
from pathlib import Path
import torch
from distill.finetune.config import read_config
from distill.finetune.trainer import finetune
torch.set_num_threads(1)
finetune(read_config(Path(sys.argv[1])), "cpu")
"""


def toy_dataset(folder, count, seed, name="bottle"):
    """A COCO file with an image folder."""
    random = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    records = []
    for number in range(1, count + 1):
        image = random.integers(60, 120, (HEIGHT, WIDTH, 3)).astype(np.uint8)
        annotations = []
        for is_bottle in (False, True):
            mask = np.zeros((HEIGHT, WIDTH), np.uint8)
            middle = [int(random.integers(12, side - 12)) for side in (WIDTH, HEIGHT)]
            axes = [int(length) for length in random.integers(6, 14, 2)]
            cv2.ellipse(mask, middle, axes, 0, 0, 360, 1, -1)
            image[mask > 0] = (220, 40, 40) if is_bottle else (40, 220, 40)
            if is_bottle:
                shape = rle.encode(mask)
                annotations.append(Annotation(0, rle.box(shape), shape, ignore=False))
        path = folder / "images" / f"{number}.png"
        Image.fromarray(image).save(path)
        records.append(ImageRecord(number, path, WIDTH, HEIGHT, None, None, tuple(annotations)))
    write_coco(folder / "toy.json", (name,), records, {})
    return folder / "toy.json"


def settings(own, val, **changes):
    """A run of a few seconds."""
    return {
        "run": "run",
        "model": {"classes": ["bottle"], "image_size": 64},
        "data": {"own": [str(own)], "val": str(val)},
        "stages": [
            {"name": "head", "trains": "head", "steps": 4, "lr": 1e-3, "strong_share": 1.0},
            {"name": "all", "trains": "all", "steps": 8, "lr": 1e-3, "strong_share": 0.5},
        ],
        "schedule": {"warmup_steps": 2},
        "batch_size": 2,
        "evaluate_every": 6,
        "checkpoint_every": 3,
        **changes,
    }


def write_settings(path, content):
    path.write_text(yaml.safe_dump(content), "utf-8")
    return path


def training(config, *launcher, head=""):
    """A process that trains on one thread, with this Python before it."""
    program = config.with_suffix(".py")
    program.write_text(head + TRAIN, "utf-8")
    return subprocess.Popen(
        [sys.executable, *launcher, str(program), str(config)],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
