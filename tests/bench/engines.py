"""Leak through the agent on the CPU, and on a simulated machine with a GPU and TensorRT.

What engines compute there is computed by ONNX Runtime, so this says nothing of TensorRT's own
arithmetic: it shows that nothing is lost on the way there and back, from NV12 to the mask.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.bench.covered import CONF, magenta
from tests.bench.davis import SEQUENCES, pictures
from tests.bench.network import bundle_of
from tests.bench.outcome import Outcome, Table, Target
from tests.bench.score import Score
from tests.world.gpu_process import environment

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from tests.bench.davis import Sequence


def scored(
    sequence: Sequence, bundle: Path, davis: Path, folder: Path, machine: Mapping[str, str]
) -> tuple[str, Score]:
    """What ran the network, and how well the object was hidden at every 5th frame.

    Args:
        folder: where clips, engines and the report may go.
        machine: environment of the process.
    """
    clip, target = folder / f"{sequence.name}.mp4", folder / f"{sequence.name}.out.mp4"
    if not clip.exists():
        sequence.write_clip(davis, clip)
    report = folder / "report.json"
    words = ["blur", clip, target, "--model", bundle, "--allow-unsigned", "--overwrite"]
    words += ["--classes", ",".join(sequence.labels), "--conf", CONF, "--every", 5]
    words += ["--effect", "solid:ff00ff", "--report", report]
    ran = subprocess.run(
        [sys.executable, "-m", "agent", *map(str, words)],
        env={**machine, "XDG_CACHE_HOME": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise SystemExit(ran.stderr)
    told = json.loads(report.read_text())
    hidden = [magenta(picture) for picture in pictures(target)]
    return told["model"]["runtime"], Score.of(hidden, sequence.truth(davis), told["keyframes"])


def run(args: argparse.Namespace) -> Outcome:
    """The clips that were tuned on, with YOLOv8n-seg at 640 px."""
    table = Table(
        "Leak on DAVIS at --every 5, in percent", ("", "CPU", "simulated TensorRT", "detections")
    )
    worst = 0.0
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        bundle = bundle_of(args.data / "weights" / "coco-yolov8n-seg-640.onnx", folder)
        for sequence in SEQUENCES:
            if sequence.aside:
                continue
            print(f"engines: {sequence.name}", file=sys.stderr)
            found = dict(
                scored(sequence, bundle, args.data / "davis", folder, machine)
                for machine in (os.environ, environment())
            )
            cpu, gpu = found["onnxruntime-cpu"], found["tensorrt"]
            table.rows.append((sequence.name, 100 * cpu.leak, 100 * gpu.leak, gpu.detections))
            worst = max(worst, 100 * abs(cpu.leak - gpu.leak))
    return Outcome([table], [Target("difference of leak, points", worst, "<=", 0.0)])
