"""Our own student with COCO's weights, and bundles of it, made by our own commands.

It is made of shared data once and kept in a folder; other programs take it from there.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

_STUDENT = "coco-yolov8n-seg.pt"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of whoever needs it."""
    group = parser.add_argument_group("student's bundles")
    group.add_argument(
        "--cache",
        type=Path,
        default=Path(gettempdir()) / "sfumato-bench",
        metavar="DIR",
        help="where they are kept for next time (%(default)s)",
    )


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
