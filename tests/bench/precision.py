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

from distill.quantize.judged_table import rows
from distill.quantize.quantize_record import QuantizeRecord
from models.bundle import Bundle
from tests.bench.covered import at_every_fifth
from tests.bench.davis import SEQUENCES
from tests.bench.network import opened
from tests.bench.outcome import Outcome, Table, Target
from tests.bench.student_bundle import SIDES, bundle_of_student, quantised

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
_MOST_LOST: tuple[tuple[Role, str, float], ...] = (
    ("uint8", "mask_map", 1.0),
    ("uint8", "f1", 1.0),
    ("int8", "mask_map", 1.5),
    ("int8", "f1", 1.0),
)
"""Points of a figure that a file may lose."""


def only(bundle: Bundle, role: Role) -> Bundle:
    """The same network in one precision, which any runtime may run."""
    manifest = bundle.manifest
    spec = manifest.files[role].model_copy(update={"runtimes": ()})
    alone = manifest.model_copy(update={"files": {role: spec}, "golden_files": ()})
    return Bundle.unsigned(alone, {role: bundle.model_bytes(role)})


def leak_tables(davis: Path, square: Bundle, student: Bundle) -> tuple[list[Table], list[Target]]:
    """Leak through the agent on DAVIS, every 5th frame: in the mean, and by clip.

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
    return [table, _by_clip(scores)], targets


def _by_clip(scores: Scores) -> Table:
    """What each clip leaks: one that is a toss-up outweighs all others in a mean."""
    return Table(
        "The same by clip",
        ("", *scores),
        [
            (sequence.name, *(100 * by_sequence[sequence].leak for by_sequence in scores.values()))
            for sequence in SEQUENCES
        ],
    )


def _leak(by_sequence: dict[Sequence, Score], *, aside: bool) -> float:
    """Mean over sequences, in percent."""
    return 100 * float(np.mean([s.leak for seq, s in by_sequence.items() if seq.aside is aside]))


def accuracy_table(side: int, record: QuantizeRecord) -> tuple[Table, list[Target]]:
    """What `quantize` measured on COCO's 128 images and on frames of videos.

    Args:
        side: of the square input, pixels.
        record: of `quantize`.
    """
    (head, *body) = rows(record)
    judged = ", ".join(f"{count} at {size}" for size, count in record.judged_at.items())
    table = Table(
        f"Accuracy at {side} px",
        tuple(head),
        [tuple(row) for row in body],
        f"On {record.labelled_images} labelled images and {record.judged_frames} frames of videos "
        f"that did not calibrate ({judged}); in brackets 95 % intervals.",
    )
    targets = []
    for role, figure, most in _MOST_LOST:
        change = record.precisions[role].figures[figure].change
        lost = float("nan") if change is None else -100 * change
        targets.append(Target(f"{role}, {side} px: {figure} lost, points", lost, "<=", most))
    return table, targets


def run(args: argparse.Namespace) -> Outcome:
    """All of it."""
    outcome = Outcome()
    with TemporaryDirectory() as temporary:
        square = opened(args.data / "weights" / "coco-yolov8n-seg-640.onnx", Path(temporary))
    student = bundle_of_student(args.data, args.cache, 640, "any")
    for side in SIDES:
        table, targets = accuracy_table(side, _record(args, side))
        outcome.tables.append(table)
        outcome.targets += targets
    packed = Bundle.open(student, allow_unsigned=True)
    tables, targets = leak_tables(args.data / "davis", square, packed)
    outcome.tables += tables
    outcome.targets += targets
    return outcome


def _record(args: argparse.Namespace, side: int) -> QuantizeRecord:
    return QuantizeRecord.read(quantised(args.data, args.cache, side))
