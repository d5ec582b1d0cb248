"""How much of an object shows after all, judged on the pixels of the output.

Ground truth: DAVIS-2016. Objects are painted magenta; a pixel counts as hidden within an RGB
distance of 130 of it. Masks that are perfect read a leak of 0.5 to 1 %: 4:2:0 chroma and the
codec soften the edge.

The peer is the mask of every frame, as networks are run today: every detection of the class from
confidence 0.25, where its probability is 0.5 or more inside its box; no tracker, no margin, no
codec.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from tests.bench.covered import (
    CONF,
    EXACT_1,
    EXACT_5,
    INSTANCES,
    MASK_PIXELS,
    MASKS,
    RUNS,
    SURE,
    measured,
)
from tests.bench.davis import SEQUENCES
from tests.bench.network import opened
from tests.bench.outcome import NOTHING, Outcome, Table, Target
from tests.bench.score import LEAKING, SAME_IOU

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from collections.abc import Sequence as Listed

    from tests.bench.covered import Findings
    from tests.bench.davis import Sequence
    from tests.bench.score import Score


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this program."""
    group = parser.add_argument_group("cover, auto")
    group.add_argument("--sequences", metavar="A,B", help="some of DAVIS only")
    group.add_argument(
        "--detections", type=Path, metavar="DIR", help="keep what the network saw for next time"
    )


def run(args: argparse.Namespace) -> Outcome:
    """All settings on all sequences."""
    found = _on_all(args, list(RUNS))
    outcome = Outcome([_means(found), *_by_sequence(found), _likeness(found)])
    outcome.targets = _targets(found) + _auto_targets(found)
    return outcome


def run_auto(args: argparse.Namespace) -> Outcome:
    """`--every auto` beside `--every 2`."""
    found = _on_all(args, ("--every 2", "--every auto"))
    return Outcome([_means(found), *_by_sequence(found)], _auto_targets(found))


def _on_all(args: argparse.Namespace, wanted: Listed[str]) -> dict[Sequence, Findings]:
    names = args.sequences.split(",") if args.sequences else [s.name for s in SEQUENCES]
    if unknown := set(names) - {s.name for s in SEQUENCES}:
        raise SystemExit(f"no sequence {min(unknown)!r}")
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        bundle = opened(args.data / "weights" / "coco-yolov8n-seg-640.onnx", folder)
        found = {}
        for sequence in SEQUENCES:
            if sequence.name in names:
                print(f"cover: {sequence.name}", file=sys.stderr)
                found[sequence] = measured(
                    sequence, bundle, args.data / "davis", folder, wanted, args.detections
                )
        return found


def _means(found: dict[Sequence, Findings]) -> Table:
    """The sequences that count, together."""
    counting = [sequence for sequence in found if sequence.counts] or list(found)
    alone = [sequence for sequence in counting if sequence.alone]
    table = Table(
        f"Cover, mean of {', '.join(s.name for s in counting)}",
        (
            *("", "leak %", "over %", "over (one object) %", "coverage p5 %"),
            *("frames that leak %", "longest leak", "detections"),
        ),
        note=f"A frame leaks when more than {LEAKING:.0%} of the object shows; the longest leak is "
        f"in frames. One object: {', '.join(s.name for s in alone)}.",
    )
    for name in next(iter(found.values())).scores:
        scores = [found[sequence].scores[name] for sequence in counting]
        table.rows.append(
            (
                name,
                100 * float(np.mean([score.leak for score in scores])),
                100 * float(np.mean([score.over for score in scores])),
                100 * float(np.mean([found[s].scores[name].over for s in alone]))
                if alone
                else NOTHING,
                100 * float(np.mean([score.worst_coverage for score in scores])),
                100 * float(np.mean([score.leak_rate for score in scores])),
                max(score.longest_leak for score in scores),
                sum(score.detections for score in scores),
            )
        )
    return table


def _by_sequence(found: dict[Sequence, Findings]) -> list[Table]:
    names = list(next(iter(found.values())).scores)
    readings: dict[str, Callable[[Score], float]] = {
        "Leak by sequence, %": lambda score: 100 * score.leak,
        "Over-redaction by sequence, %": lambda score: 100 * score.over,
        "Detections by sequence": lambda score: score.detections,
    }
    tables = []
    for title, read in readings.items():
        table = Table(title, ("", *(_column(sequence) for sequence in found)))
        table.rows = [(n, *(read(each.scores[n]) for each in found.values())) for n in names]
        tables.append(table)
    return tables


def _column(sequence: Sequence) -> str:
    return sequence.name if sequence.counts else f"({sequence.name})"


def _likeness(found: dict[Sequence, Findings]) -> Table:
    table = Table(
        f"F1 of {EXACT_5}",
        ("with", *(_column(sequence) for sequence in found), "mean"),
        note="Pixels: mean over frames. Instances: boxes that overlap by an IoU of "
        f"{SAME_IOU} or more, without growth; every-frame tracks are {EXACT_1}'s. Detections score "
        f"{CONF} or more, sure ones {SURE}.",
    )
    for name in next(iter(found.values())).likeness:
        counting = [s for s in found if s.counts] or list(found)
        mean = float(np.mean([found[s].likeness[name] for s in counting]))
        table.rows.append((name, *(each.likeness[name] for each in found.values()), mean))
    return table


def _mean(found: dict[Sequence, Findings], name: str, what: str, *, alone: bool = False) -> float:
    return float(
        np.mean(
            [
                getattr(each.scores[name], what)
                for sequence, each in found.items()
                if sequence.counts and (sequence.alone or not alone)
            ]
        )
    )


def _targets(found: dict[Sequence, Findings]) -> list[Target]:
    if not all(sequence in found for sequence in SEQUENCES if sequence.counts):
        return []
    five = "--every 5"
    counting = [each for sequence, each in found.items() if sequence.counts]
    worst = max(each.scores[five].leak - each.scores[MASKS].leak for each in counting)
    return [
        Target(f"mean leak, {five}, %", 100 * _mean(found, five, "leak"), "<=", 5.0),
        Target(
            f"over-redaction, {five}, one object, %",
            100 * _mean(found, five, "over", alone=True),
            "<=",
            3.0,
        ),
        Target(f"leak above that of {MASKS}, worst sequence, % points", 100 * worst, "<=", 0.0),
        Target(
            f"pixel F1 with {MASKS}, before margins",
            float(np.mean([each.likeness[MASK_PIXELS] for each in counting])),
            ">=",
            0.84,
        ),
        Target(
            "instance F1 at box IoU 0.5 with every-frame detections (published: about 0.95)",
            float(np.mean([each.likeness[INSTANCES] for each in counting])),
            ">=",
            0.95,
        ),
    ]


def _auto_targets(found: dict[Sequence, Findings]) -> list[Target]:
    if not all(sequence in found for sequence in SEQUENCES if sequence.counts):
        return []
    auto, two = "--every auto", "--every 2"
    looks = {name: _mean(found, name, "detections") for name in (auto, two)}
    return [
        Target(
            f"mean leak of {auto}, % (target: that of {two})",
            100 * _mean(found, auto, "leak"),
            "<=",
            100 * _mean(found, two, "leak"),
        ),
        Target(f"detections of {auto} over those of {two}", looks[auto] / looks[two], "<=", 0.5),
    ]
