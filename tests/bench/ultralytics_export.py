"""The peer's best on a CPU: a network of Ultralytics as OpenVINO wants it, by their own export.

Runs by itself, under a Python that has ultralytics and openvino:
`ultralytics_export.py STUDENT.pt WxH FOLDER`.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

# Nothing of ours is imported here; it is to be as silent all the same.
os.environ |= {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}

# isort: split
from ultralytics import YOLO


def main() -> None:
    """Export in FP32, at the size of the video's shape."""
    weights, size, target = sys.argv[1:]
    width, height = map(int, size.split("x"))
    with TemporaryDirectory() as folder:
        copy = shutil.copy(weights, Path(folder) / "student.pt")  # they write beside it
        made = YOLO(copy, task="segment").export(format="openvino", imgsz=[height, width])
        shutil.move(made, target)


if __name__ == "__main__":
    main()
