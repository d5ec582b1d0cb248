"""What each precision and size of input shows and hides, beside FP32.

The student is YOLOv8n-seg with COCO's weights, quantised and packed by our own commands. Accuracy
on COCO's images is what `quantize` itself measured before it let the files pass. Leak is measured
through the agent: a detection that is missed once is carried on by the tracker, so what single
frames say of it moves by points between files that are equally good.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from models.bundle import Bundle
from tests.bench.covered import at_every_fifth
from tests.bench.davis import SEQUENCES
from tests.bench.network import opened
from tests.bench.outcome import Outcome, Table, Target

if TYPE_CHECKING:
    import argparse

    from models.manifest import Role
    from tests.bench.davis import Sequence
    from tests.bench.score import Score

    Scores = dict[str, dict[Sequence, Score]]

_SQUARE = "fp32, square, as before"
_ROLES: tuple[Role, ...] = ("fp32", "fp16", "uint8", "int8")
_MOST_LEAK, _MOST_LEAK_FITTED = 0.3, 0.5
"""Points of leak that a precision may add, and INT8 with the fitted size together."""


def only(bundle: Bundle, role: Role) -> Bundle:
    """The same network in one precision, which any runtime may run."""
    manifest = bundle.manifest
    spec = manifest.files[role].model_copy(update={"runtimes": ()})
    alone = manifest.model_copy(update={"files": {role: spec}, "golden_files": ()})
    return Bundle.unsigned(alone, {role: bundle.model_bytes(role)})


def leak_table(davis: Path, square: Bundle, student: Bundle) -> tuple[Table, list[Target]]:
    """Leak through the agent on DAVIS, every 5th frame.

    Args:
        davis: the sequences.
        square: the network as it was, FP32 and square.
        student: the packed student, several precisions and sizes.
    """
    runs = {_SQUARE: square} | {
        role: only(student, role) for role in _ROLES if role in student.manifest.files
    }
    scores: Scores = {name: {} for name in runs}
    with TemporaryDirectory() as temporary:
        for sequence in SEQUENCES:
            for name, bundle in runs.items():
                print(f"precision: {sequence.name}, {name}", file=sys.stderr)
                scores[name][sequence] = at_every_fifth(sequence, bundle, davis, Path(temporary))
    table = Table(
        "Leak through the agent on DAVIS at --every 5, in percent",
        ("", "tuned on", "kept aside", "over-redaction, one object", "detections"),
        note="All but the first run at the size that fits the picture.",
    )
    for name, by_sequence in scores.items():
        over = [score.over for sequence, score in by_sequence.items() if sequence.alone]
        table.rows.append(
            (
                name,
                _leak(by_sequence, aside=False),
                _leak(by_sequence, aside=True),
                100 * float(np.mean(over)),
                sum(score.detections for score in by_sequence.values()),
            )
        )
    tuned = {name: _leak(by_sequence, aside=False) for name, by_sequence in scores.items()}
    targets = [
        Target(f"leak of {name} over fp32, points", tuned[name] - tuned["fp32"], "<=", _MOST_LEAK)
        for name in runs
        if name not in {_SQUARE, "fp32"}
    ]
    if "uint8" in tuned:
        more = tuned["uint8"] - tuned[_SQUARE]
        targets.append(
            Target("leak of uint8 over square fp32, points", more, "<=", _MOST_LEAK_FITTED)
        )
    return table, targets


def _leak(by_sequence: dict[Sequence, Score], *, aside: bool) -> float:
    """Mean over sequences, in percent."""
    return 100 * float(np.mean([s.leak for seq, s in by_sequence.items() if seq.aside is aside]))


def run(args: argparse.Namespace) -> Outcome:
    """All of it."""
    with TemporaryDirectory() as temporary:
        square = opened(args.data / "weights" / "coco-yolov8n-seg-640.onnx", Path(temporary))
    table, targets = leak_table(args.data / "davis", square, square)
    return Outcome([table], targets)
