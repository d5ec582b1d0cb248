"""Processes on a simulated machine with a GPU, TensorRT and pycuda; nothing of them is left."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GPU = ROOT / "tests" / "world" / "gpu"


def environment(*before):
    """Of a process there; modules of the folders `before` come first.

    What simulates it has its folder named here: OpenCV puts back the `sys.path` that it found when
    its import began, so that what another thread appends meanwhile may be lost.
    """
    path = map(str, (*before, GPU, ROOT, GPU.parent))
    bins = os.pathsep.join([str(GPU / "bin"), os.environ["PATH"]])
    return os.environ | {"PYTHONPATH": os.pathsep.join(path), "PATH": bins}


def run(program, *words, before=(), **more):
    """Run Python; 86 means that it broke a rule of the GPU's."""
    return subprocess.run(
        [sys.executable, *program, *map(str, words)],
        env=environment(*before) | more,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
