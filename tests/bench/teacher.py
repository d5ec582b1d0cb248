"""Speed of the teacher: RTMDet-Ins in PyTorch, forward alone and from an image to its masks."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import cv2
import torch

from distill.parity.fixture import Fixture
from distill.predict.open import load_teacher
from models.nets.checkpoint import save_safetensors
from models.nets.rtmdet_ins import RTMDetIns
from tests.bench.outcome import Outcome, Table, Target

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

    Image = npt.NDArray[np.uint8]

_RUNS = 15
_SIZE_PX = 640
_MIN_SCORE = 0.05

# Milliseconds of mmdetection on two quiet cores at 640x640, batch 1: forward, and from an image
# to its masks. For s that was measured between 455 and 705; it is compared with the lower.
_ORIGINAL = {"tiny": (256, 414), "s": (301, 455)}


def run(args: argparse.Namespace) -> Outcome:
    """Time both sizes that the original was timed with, on the weights of the parity fixtures."""
    oracle = args.data.parent / "oracle"
    image = cv2.cvtColor(cv2.imread(str(oracle / "nat.png")), cv2.COLOR_BGR2RGB)
    table = Table(
        "RTMDet-Ins on the CPU, 640x640, batch 1, median milliseconds",
        (
            "size",
            "instances",
            "forward",
            "original",
            "ratio",
            "image to masks",
            "original",
            "ratio",
        ),
        [],
        f"{torch.get_num_threads()} threads, {_RUNS} runs. Weights by formula: their masks cover "
        "the image, which costs more than those of trained weights.",
    )
    targets = []
    for size, (forward_ms, whole_ms) in _ORIGINAL.items():
        print(f"teacher: {size}", file=sys.stderr)
        seen, forward, whole = _timed(Fixture(oracle / f"rtmdet-ins_{size}_nc80.npz"), image)
        table.rows.append(
            (
                *(size, seen),
                *(forward, forward_ms, forward / forward_ms),
                *(whole, whole_ms, whole / whole_ms),
            )
        )
        targets.append(Target(f"{size}: forward, ms", forward, "<=", forward_ms))
        targets.append(Target(f"{size}: image to masks, ms", whole, "<=", whole_ms))
    return Outcome([table], targets)


def _timed(fixture: Fixture, image: Image) -> tuple[int, float, float]:
    """Instances seen, and milliseconds of the forward pass and from the image to them."""
    net = RTMDetIns(fixture.size, fixture.classes)
    state = fixture.state_dict("calib", fixture.class_bias("nat"))
    net.load_state_dict({key: torch.from_numpy(value) for key, value in state.items()})
    with TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        save_safetensors(net, path, [f"class-{i}" for i in range(fixture.classes)])
        teacher = load_teacher(path, image_size=_SIZE_PX, device="cpu")
    batch = torch.zeros(1, 3, _SIZE_PX, _SIZE_PX)
    (seen,) = teacher.predict([image], min_score=_MIN_SCORE)
    forward = _median_ms(lambda: teacher.dense(batch))
    return len(seen), forward, _median_ms(lambda: teacher.predict([image], min_score=_MIN_SCORE))


def _median_ms(work: Callable[[], object]) -> float:
    work()
    taken = []
    for _ in range(_RUNS):
        begin = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - begin))
    return median(taken)
