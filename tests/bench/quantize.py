"""What quantising costs in memory and time, and what it gains in speed and bytes."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from distill.quantize.camera_frames import CALIBRATE
from distill.quantize.quantize_record import QuantizeRecord
from tests.bench.memory import watched
from tests.bench.outcome import NOTHING, Outcome, Table, Target
from tests.bench.student_bundle import student_of

if TYPE_CHECKING:
    import argparse

    from distill.quantize.quantize_record import FileRecord

_SIDE = 640
_PEAK_MB = 1500
_LEAST_GAIN = 1.4
_MOST_BYTES = 0.35
_COMMAND = "import sys; from distill.cli import main; sys.exit(main(sys.argv[1:]))"


def run(args: argparse.Namespace) -> Outcome:
    """Quantise YOLOv8n-seg with COCO's weights at 640 px, and watch; the files are thrown away."""
    videos = sorted((args.data / "videos").glob("*.mp4"))
    with TemporaryDirectory() as temporary:
        words = ["quantize", str(student_of(args.data, args.cache)), "--out", temporary]
        # What passes is not the question here.
        words += ["--size", f"{_SIDE}x{_SIDE}", "--bounds", "agreement=0,score_shift=1,mask_iou=0"]
        words += ["--calibration", *map(str, videos)]
        print("quantize:", *words, file=sys.stderr, flush=True)
        began = time.monotonic()
        _, peak_mb = watched([sys.executable, "-c", _COMMAND, *words])
        took_s = time.monotonic() - began
        record = QuantizeRecord.read(Path(temporary))
    full = record.precisions["fp32"]
    table = Table(
        f"YOLOv8n-seg at {_SIDE} px in each precision",
        ("", "MB", "of FP32", "ms a picture", "times as fast"),
        note="CPU time of one thread, file after file on each picture. INT8 and FP16 are for "
        "TensorRT and never run so.",
    )
    for role, file in record.precisions.items():
        table.rows.append((role, file.bytes / 1e6, file.bytes / full.bytes, *_speed(file, full)))
    uint8 = record.precisions["uint8"]
    cost = Table(
        "The command",
        ("", "calibrated", "judged", "peak MB", "minutes"),
        [("quantize", record.calibration_frames, record.judged_frames, peak_mb, took_s / 60)],
    )
    return Outcome(
        [table, cost],
        [
            Target("frames calibrated on", record.calibration_frames, ">=", CALIBRATE),
            Target("peak memory, MB", peak_mb, "<=", _PEAK_MB),
            Target("bytes of uint8, of FP32's", uint8.bytes / full.bytes, "<=", _MOST_BYTES),
            Target(
                "uint8, times FP32", _milliseconds(full) / _milliseconds(uint8), ">=", _LEAST_GAIN
            ),
        ],
    )


def _speed(file: FileRecord, full: FileRecord) -> tuple[float | str, float | str]:
    took = _milliseconds(file)
    return took, NOTHING if file is full else _milliseconds(full) / took


def _milliseconds(file: FileRecord) -> float:
    return file.figures["milliseconds"].value or float("nan")
