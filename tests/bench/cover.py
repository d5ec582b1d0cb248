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

from tests.bench.covered import CONF, RUNS, SHORT_3, SHORT_5, measured
from tests.bench.davis import SEQUENCES
from tests.bench.network import opened
from tests.bench.outcome import NOTHING, Outcome, Table, Target
from tests.bench.score import LEAKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from collections.abc import Sequence as Listed

    from tests.bench.davis import Sequence
    from tests.bench.score import Score

    Found = dict[Sequence, dict[str, Score]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this program."""
    group = parser.add_argument_group("cover, auto, short")
    group.add_argument("--sequences", metavar="A,B", help="some of DAVIS only")
    group.add_argument(
        "--detections", type=Path, metavar="DIR", help="keep what the network saw for next time"
    )


def run(args: argparse.Namespace) -> Outcome:
    """All settings on all sequences."""
    found = _on_all(args, list(RUNS))
    outcome = Outcome([*_means(found), *_by_sequence(found)])
    outcome.targets = [*_targets(found), *_short_targets(found)]
    return outcome


def run_auto(args: argparse.Namespace) -> Outcome:
    """`--every auto` beside `--every 2`."""
    found = _on_all(args, ("--every 2", "--every auto"))
    return Outcome([*_means(found), *_by_sequence(found)], _auto_targets(found))


def run_short(args: argparse.Namespace) -> Outcome:
    """`--latency short` beside `--every 1`."""
    found = _on_all(args, ("--every 1", SHORT_3, SHORT_5))
    return Outcome([*_means(found), *_by_sequence(found)], _short_targets(found))


def _on_all(args: argparse.Namespace, wanted: Listed[str]) -> Found:
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


def _means(found: Found) -> list[Table]:
    """What was tuned on, and what was kept aside from that."""
    titles = {False: "Cover, tuned on", True: "Cover, kept aside:"}
    groups = {aside: [s for s in found if s.aside is aside] for aside in titles}
    return [
        _mean_of(found, group, f"{titles[aside]} {', '.join(s.name for s in group)}")
        for aside, group in groups.items()
        if group
    ]


def _mean_of(found: Found, group: Listed[Sequence], title: str) -> Table:
    table = Table(
        title,
        (
            *("", "leak %", "over (one object) %", "coverage p5 %"),
            *("frames that leak %", "longest leak", "detections"),
        ),
        note=f"A frame leaks when more than {LEAKING:.0%} of the object shows; the longest leak is "
        f"in frames. One object: {', '.join(s.name for s in group if s.alone)}. "
        f"--conf {CONF} where none is named.",
    )
    for name in next(iter(found.values())):
        scores = [found[sequence][name] for sequence in group]
        over = [found[sequence][name].over for sequence in group if sequence.alone]
        table.rows.append(
            (
                name,
                100 * float(np.mean([score.leak for score in scores])),
                100 * float(np.mean(over)) if over else NOTHING,
                100 * float(np.mean([score.worst_coverage for score in scores])),
                100 * float(np.mean([score.leak_rate for score in scores])),
                max(score.longest_leak for score in scores),
                sum(score.detections for score in scores),
            )
        )
    return table


def _by_sequence(found: Found) -> list[Table]:
    names = list(next(iter(found.values())))
    readings: dict[str, Callable[[Score], float]] = {
        "Leak by sequence, %": lambda score: 100 * score.leak,
        "Over-redaction by sequence, %": lambda score: 100 * score.over,
        "Detections by sequence": lambda score: score.detections,
    }
    tables = []
    for title, read in readings.items():
        table = Table(title, ("", *(sequence.name for sequence in found)))
        table.rows = [(n, *(read(scores[n]) for scores in found.values())) for n in names]
        tables.append(table)
    return tables


def _targets(found: Found) -> list[Target]:
    """Of the sequences that were kept aside, where all of them were measured."""
    if not all(sequence in found for sequence in SEQUENCES if sequence.aside):
        return []
    five, low, careful = "--every 5", "--latency low", "--every 5 --conf 0.15"
    leak = {name: _mean(found, name, "leak") for name in (five, low, careful)}
    over = _mean(found, five, "over")
    return [
        Target(f"mean leak, {five}, %", leak[five], "<=", 1.0),
        Target(f"mean leak, {low}, %", leak[low], "<=", 2.5),
        Target(f"over-redaction, {five}, one object, %", over, "<=", 3.5),
        Target(
            f"mean leak, {careful}, % (target: that of {five})", leak[careful], "<=", leak[five]
        ),
        *_auto_targets(found),
    ]


def _short_targets(found: Found) -> list[Target]:
    """Look-ahead of two keyframes, of the sequences on which it was compared with none and four."""
    tuned = [sequence for sequence in SEQUENCES if not sequence.aside]
    if not all(sequence in found for sequence in tuned):
        return []
    one = np.mean([found[sequence]["--every 1"].leak for sequence in tuned])
    targets = []
    for short in (SHORT_3, SHORT_5):
        leak = np.mean([found[sequence][short].leak for sequence in tuned])
        over = 100 * np.mean([found[sequence][short].over for sequence in tuned if sequence.alone])
        targets += [
            Target(f"leak of {short}, tuned on, over --every 1", float(leak / one), "<=", 1.3),
            Target(f"over-redaction, {short}, one object, tuned on, %", float(over), "<=", 4.5),
        ]
    return targets


def _auto_targets(found: Found) -> list[Target]:
    if not all(sequence in found for sequence in SEQUENCES if sequence.aside):
        return []
    auto, two = "--every auto", "--every 2"
    looks = {name: _mean(found, name, "detections") for name in (auto, two)}
    leak = {name: _mean(found, name, "leak") for name in (auto, two)}
    return [
        Target(f"mean leak of {auto}, % (target: that of {two})", leak[auto], "<=", leak[two]),
        Target(f"detections of {auto} over those of {two}", looks[auto] / looks[two], "<=", 0.6),
    ]


def _mean(found: Found, name: str, what: str) -> float:
    """Over the sequences that were kept aside, in percent; of `over`, those of one object."""
    aside = [sequence for sequence in found if sequence.aside]
    counting = [sequence for sequence in aside if what != "over" or sequence.alone]
    return 100 * float(np.mean([getattr(found[sequence][name], what) for sequence in counting]))
