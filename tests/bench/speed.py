"""Frames a second, side by side: Sfumato, a loop around Ultralytics, FFmpeg, and the floor.

The programs take turns (A B C A B C ...), and ratios are taken within a turn, so that a machine
that slows down slows all of them down.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.bench import subjects
from tests.bench.clips import FULL_HD, made
from tests.bench.network import bundle_of
from tests.bench.outcome import NOTHING, Outcome, Table, Target
from tests.bench.subjects import NOT_INSTALLED, Timing, Trial

if TYPE_CHECKING:
    import argparse

EVERY = 5
RATIO = {640: 5.5, 320: 5.0}
"""How many times as fast as the loop around Ultralytics, by the network's size."""

FLOOR_SHARE = 0.8
START_UP_S = 1.0
CLIPS = ("720p", "1080p")


@dataclass(slots=True)
class Turns:
    """Every turn of one trial; the lists are parallel."""

    sfumato: list[Timing] = field(default_factory=list)
    ultralytics: list[Timing] = field(default_factory=list)
    transcode: list[Timing] = field(default_factory=list)
    floor: list[dict[str, float]] = field(default_factory=list)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this program."""
    group = parser.add_argument_group("speed, startup")
    group.add_argument("--rounds", type=int, default=3, metavar="N", help="turns (%(default)s)")
    group.add_argument("--frames", type=int, metavar="N", help="shorter clips, to try things out")
    group.add_argument("--models", default="640,320", metavar="A,B", help="sizes (%(default)s)")
    group.add_argument("--clips", default=",".join(CLIPS), metavar="A,B", help="(%(default)s)")
    group.add_argument(
        "--peer-python",
        type=Path,
        default=Path(sys.executable),
        metavar="PATH",
        help="a Python that has ultralytics and av (default: this one)",
    )
    group.add_argument(
        "--peer-encoder",
        choices=("x264", "mp4v"),
        default="x264",
        help="x264 with Sfumato's settings (default), or OpenCV's own, as in tutorials",
    )


def run(args: argparse.Namespace) -> Outcome:
    """All networks on all clips."""
    outcome = Outcome()
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for clip_name in args.clips.split(","):
            clip = _clip(clip_name, args, folder)
            for size in map(int, args.models.split(",")):
                turns = _take_turns(_trial(clip, size, args, folder), args)
                title = f"{clip_name}, {size} px network, --every {EVERY}"
                outcome.tables += [_speeds(turns, title), _floor(turns, title)]
                outcome.targets += _targets(turns, clip_name, size)
    return outcome


def run_startup(args: argparse.Namespace) -> Outcome:
    """One frame, from the start of the process to its end."""
    outcome = Outcome()
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        clip = made(_juggle(args), folder / "one.mp4", frames=1)
        peer = subjects.has_ultralytics(args.peer_python)
        table = Table("A clip of one frame, 640 px network, seconds", ("", "median", "min", "max"))
        trial = _trial(clip, 640, args, folder)
        sfumato, ultralytics = [], []
        for turn in range(args.rounds + 1):
            _tell(f"startup, turn {turn}")
            sfumato.append(subjects.sfumato(trial).whole_s)
            if peer:
                ultralytics.append(subjects.ultralytics(trial, args.peer_python).whole_s)
        for name, every in (("Sfumato", sfumato), ("Ultralytics loop", ultralytics)):
            spent = every[1:]  # the first turn fills the disk's cache
            row = (
                (median(spent), min(spent), max(spent))
                if spent
                else (NOT_INSTALLED, NOTHING, NOTHING)
            )
            table.rows.append((name, *row))
        outcome.tables.append(table)
        outcome.targets.append(Target("start-up, s", median(sfumato[1:]), "<=", START_UP_S))
    return outcome


def _juggle(args: argparse.Namespace) -> Path:
    return Path(args.data) / "videos" / "05_default_juggle.mp4"


def _clip(name: str, args: argparse.Namespace, folder: Path) -> Path:
    if name not in CLIPS:
        raise SystemExit(f"no clip {name!r}; there are {', '.join(CLIPS)}")
    if name == "720p" and args.frames is None:
        return _juggle(args)
    _tell(f"speed: making the {name} clip")
    size = FULL_HD if name == "1080p" else None
    return made(_juggle(args), folder / f"{name}.mp4", size=size, frames=args.frames)


def _trial(clip: Path, size: int, args: argparse.Namespace, folder: Path) -> Trial:
    onnx = Path(args.data) / "weights" / f"coco-yolov8n-seg-{size}.onnx"
    return Trial(clip, onnx, bundle_of(onnx, folder), size, folder)


def _take_turns(trial: Trial, args: argparse.Namespace) -> Turns:
    turns = Turns()
    peer = subjects.has_ultralytics(args.peer_python)
    for turn in range(args.rounds):
        _tell(f"speed: {trial.clip.stem}, {trial.size} px, turn {turn + 1} of {args.rounds}")
        turns.sfumato.append(subjects.sfumato(trial))
        if peer:
            turns.ultralytics.append(
                subjects.ultralytics(trial, args.peer_python, args.peer_encoder)
            )
        turns.transcode.append(subjects.transcode(trial))
        turns.floor.append(subjects.floor(trial, EVERY))
    return turns


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _floor_fps(parts: dict[str, float]) -> float:
    spent_ms = parts["decode"] + parts["detect"] / EVERY + parts["redact"] + parts["encode"]
    return 1000 * _cores() / spent_ms


def _ratios(ours: list[Timing], theirs: list[Timing], what: str) -> list[float]:
    return [getattr(a, what) / getattr(b, what) for a, b in zip(ours, theirs, strict=True)]


def _shares(ours: list[Timing], floors: list[dict[str, float]], what: str) -> list[float]:
    return [getattr(a, what) / _floor_fps(f) for a, f in zip(ours, floors, strict=True)]


def _speeds(turns: Turns, title: str) -> Table:
    table = Table(
        f"Speed: {title}",
        (
            *("", "fps", "min", "max", "steady fps", "x Ultralytics", "x it, steady"),
            *("of the floor", "of it, steady"),
        ),
        note="fps: of the whole process. Steady: without loading. Medians over "
        f"{len(turns.sfumato)} turns; ratios are taken within a turn.",
    )
    for name, every in (
        (f"Sfumato --every {EVERY}", turns.sfumato),
        ("Ultralytics loop, every frame", turns.ultralytics),
        ("FFmpeg transcode, same encoder settings", turns.transcode),
    ):
        if not every:
            table.rows.append((name, NOT_INSTALLED, *[NOTHING] * 7))
            continue
        whole = [timing.whole_fps for timing in every]
        row: list[float | str] = [name, median(whole), min(whole), max(whole)]
        row.append(median(timing.steady_fps for timing in every))
        for what in ("whole_fps", "steady_fps"):
            ratios = _ratios(every, turns.ultralytics, what) if turns.ultralytics else []
            row.append(median(ratios) if ratios else NOTHING)
        row += [median(_shares(every, turns.floor, what)) for what in ("whole_fps", "steady_fps")]
        table.rows.append(tuple(row))
    floors = [_floor_fps(parts) for parts in turns.floor]
    spread = median(floors), min(floors), max(floors)
    table.rows.append(
        (f"floor of {_cores()} cores", *spread, median(floors), NOTHING, NOTHING, 1.0, 1.0)
    )
    return table


def _floor(turns: Turns, title: str) -> Table:
    table = Table(
        f"Floor: {title}, one thread",
        ("part", "ms", "min", "max"),
        note=f"Floor: (decode + detect / {EVERY} + redact + encode) / {_cores()} cores.",
    )
    for part in turns.floor[0]:
        spent = [parts[part] for parts in turns.floor]
        table.rows.append((part, median(spent), min(spent), max(spent)))
    return table


def _targets(turns: Turns, clip_name: str, size: int) -> list[Target]:
    found = []
    for name, what in (("whole process", "whole_fps"), ("steady", "steady_fps")):
        where = f"{clip_name}, {size} px, {name}"
        if turns.ultralytics:
            ratio = median(_ratios(turns.sfumato, turns.ultralytics, what))
            found.append(Target(f"x Ultralytics, {where}", ratio, ">=", RATIO[size]))
        share = median(_shares(turns.sfumato, turns.floor, what))
        found.append(Target(f"share of the floor, {where}", share, ">=", FLOOR_SHARE))
    return found
