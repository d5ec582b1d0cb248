"""Our own student with COCO's weights, quantised and packed by our own commands.

It is made of shared data once and kept in a folder: `python -m tests.bench students` makes all,
and other programs make what they miss.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Literal

from models.bundle import Bundle
from tests.bench.outcome import Outcome, Table

if TYPE_CHECKING:
    import argparse

    Target = Literal["cpu", "any"]

SIDES = (640, 320)
"""Pixels of the square inputs; each has one of 16:9 beside it."""

_STUDENT = "coco-yolov8n-seg.pt"
_JUDGE = "05_default_juggle.mp4"
"""What speed is measured on. Nothing calibrates on it, nor on DAVIS, on which leak is measured."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of whoever needs it."""
    group = parser.add_argument_group("students")
    group.add_argument(
        "--cache",
        type=Path,
        default=Path(gettempdir()) / "sfumato-bench",
        metavar="DIR",
        help="where students, quantised files and bundles are kept for next time (%(default)s)",
    )


def sizes_of(side: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Widths and heights of a student's inputs: the square, and 16:9 at its scale."""
    return (side, side), (side, -(-side * 9 // 16 // 32) * 32)


def student_of(data: Path, cache: Path) -> Path:
    """YOLOv8n-seg with COCO's weights as Ultralytics saves it."""
    path = cache / _STUDENT
    if not path.exists():
        from tests.distill.yolos import write_coco_weights  # torch takes seconds

        cache.mkdir(parents=True, exist_ok=True)
        part = cache / f"{_STUDENT}.{os.getpid()}"
        write_coco_weights(data, part)
        part.rename(path)
    return path


def labelled(data: Path, cache: Path) -> Path:
    """All 128 images of coco128-seg as a data set of ours."""
    path = cache / "coco128.json"
    if not path.exists():
        from distill.data.coco import write_coco
        from distill.data.yolo_reader import read_yolo
        from models.coco_names import COCO_NAMES

        cache.mkdir(parents=True, exist_ok=True)
        dataset = read_yolo(data / "coco128-seg", COCO_NAMES)
        write_coco(path, dataset.classes, dataset.images, {})
    return path


def quantised(data: Path, cache: Path, side: int) -> Path:
    """The folder that `quantize` filled: calibrated on videos, judged on others and on COCO.

    What misses a bound is not in there.
    """
    folder = cache / f"quantised-{side}"
    if not (folder / "quantize.json").exists():
        videos = sorted((data / "videos").glob("*.mp4"))
        frames = [str(path) for path in videos if path.name != _JUDGE]
        words = ["--calibration", *frames, str(data / "images")]
        words += ["--data", str(labelled(data, cache)), "--out", str(folder)]
        _distill("quantize", str(student_of(data, cache)), *words, *_words(side), may_refuse=True)
    return folder


def bundle_of_student(data: Path, cache: Path, side: int, target: Target = "cpu") -> Path:
    """The student packed for this machine (fp32, uint8), or with all files that there are.

    Args:
        side: pixels of the square input; a video of 16:9 is seen at this width.
    """
    path = cache / f"coco-yolov8n-seg-{side}-{target}.sfm"
    if not path.exists():
        files = quantised(data, cache, side)
        there = {file.name.split(".")[1] for file in files.glob("model.*.onnx")}
        roles = ["fp32", "fp16"] if target == "any" else ["fp32"]
        wanted = {"uint8"} if target == "cpu" else {"uint8", "int8"}
        if wanted <= there:
            roles.append("int8")
        else:
            print(f"students: {side} px lacks {wanted - there}, see {files}", file=sys.stderr)
        words = ["--out", str(path), "--unsigned", "--quantized", str(files), "--target", target]
        words += ["--golden", str(labelled(data, cache)), "--golden-shows-nobody"]
        words += ["--precision", ",".join(roles), "--name", f"coco-yolov8n-seg-{side}"]
        _distill("pack", str(student_of(data, cache)), *words, *_words(side))
    return path


def run(args: argparse.Namespace) -> Outcome:
    """Make all of them; what `quantize` said of them lies beside them."""
    table = Table("Students", ("bundle", "files", "MB"), note=f"In {args.cache}.")
    for side in SIDES:
        for target in ("cpu", "any"):
            path = bundle_of_student(args.data, args.cache, side, target)
            manifest = Bundle.open(path, allow_unsigned=True).manifest
            for role, spec in manifest.files.items():
                table.rows.append((path.name, role, spec.bytes / 1e6))
    return Outcome([table])


def _words(side: int) -> list[str]:
    return [word for w, h in sizes_of(side) for word in ("--size", f"{w}x{h}")]


def _distill(*words: str, may_refuse: bool = False) -> None:
    from distill.cli import main

    print("students:", *words, file=sys.stderr, flush=True)
    if (code := main([*words])) and not (may_refuse and code == 5):
        raise SystemExit(code)
