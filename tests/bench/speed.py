"""Frames a second, side by side: Sfumato now and before, Ultralytics plain and at its best on a
CPU, FFmpeg, and the floor.

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
from tests.bench.bare import People
from tests.bench.clips import FULL_HD, looped, made
from tests.bench.network import bundle_of, opened
from tests.bench.outcome import NOTHING, Outcome, Table, Target
from tests.bench.student_bundle import bundle_of_student, sizes_of, student_of
from tests.bench.subjects import NOT_INSTALLED, Peer, Timing, Trial

if TYPE_CHECKING:
    import argparse

EVERY = 5
RATIO = {640: 8.0, 320: 5.0}
"""How many times as fast as the plain loop around Ultralytics, by the network's size, at 720p."""

GAIN = {640: 2.0}
"""How many times as fast as before."""

STEADY_SHARE, MINUTE_SHARE = 0.9, 0.85
"""Of the floor: once everything is loaded, and of the whole process of a clip of a minute."""

MINUTE_FRAMES = 60 * 24
START_UP_S = 0.45
CLIPS = ("720p", "1080p")

_OURS = f"Sfumato --every {EVERY}"
_BEFORE = "the same network as before: FP32, square, dense"
_PLAIN = "Ultralytics loop, every frame"
_BEST = "Ultralytics + OpenVINO, fitted size, every frame"
_STRIDE = f"the same with vid_stride {EVERY}, boxes held"
_TRANSCODE = "FFmpeg transcode, same encoder settings"
_MINUTE = f"{_OURS}, a minute"


@dataclass(slots=True)
class Turns:
    """Every turn of one trial; the lists are parallel.

    Attributes:
        by_name: timings of each subject that could be run.
        floor: milliseconds by part of the student.
        ran: which of the student's files Sfumato chose on this machine.
    """

    by_name: dict[str, list[Timing]] = field(default_factory=dict)
    floor: list[dict[str, float]] = field(default_factory=list)
    ran: str = ""

    def add(self, name: str, timing: Timing) -> None:
        """Add to the turn that is under way."""
        self.by_name.setdefault(name, []).append(timing)


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
        help="a Python that has ultralytics, av and openvino (default: this one)",
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
                trial = _trial(clip, size, args, folder)
                minute = None
                if clip_name == "720p" and args.frames is None:
                    minute = looped(clip, folder / "minute.mp4", MINUTE_FRAMES)
                peers = _peers(trial, args)
                turns = _take_turns(trial, peers, minute, args)
                title = f"{clip_name}, {size} px network, --every {EVERY}"
                outcome.tables += [_speeds(turns, title), _floor(turns, title)]
                if _STRIDE in peers:
                    outcome.tables.append(_bare(trial, peers, turns, args, title))
                outcome.targets += _targets(turns, clip_name, size)
    return outcome


def run_startup(args: argparse.Namespace) -> Outcome:
    """One frame, from the start of the process to its end."""
    outcome = Outcome()
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        clip = made(_juggle(args), folder / "one.mp4", frames=1)
        table = Table("A clip of one frame, 640 px network, seconds", ("", "median", "min", "max"))
        trial = _trial(clip, 640, args, folder)
        peer = subjects.has(args.peer_python, "ultralytics", "av")
        spent: dict[str, list[float]] = {_OURS: [], _BEFORE: [], _PLAIN: []}
        for turn in range(args.rounds + 1):
            _tell(f"startup, turn {turn}")
            spent[_OURS].append(subjects.sfumato(clip, trial.student, folder)[0].whole_s)
            spent[_BEFORE].append(subjects.sfumato(clip, trial.bundle, folder)[0].whole_s)
            if peer:
                plain = Peer(trial.onnx, 640, 640)
                spent[_PLAIN].append(subjects.ultralytics(trial, plain, args.peer_python).whole_s)
        for name, every in spent.items():
            taken = every[1:]  # the first turn fills the disk's cache, and tries the files
            row = (
                (median(taken), min(taken), max(taken))
                if taken
                else (NOT_INSTALLED, NOTHING, NOTHING)
            )
            table.rows.append((name, *row))
        outcome.tables.append(table)
        outcome.targets.append(Target("start-up, s", median(spent[_OURS][1:]), "<=", START_UP_S))
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
    student = bundle_of_student(args.data, args.cache, size)
    return Trial(clip, onnx, bundle_of(onnx, folder), student, size, folder)


def _peers(trial: Trial, args: argparse.Namespace) -> dict[str, Peer]:
    """Ways to use Ultralytics that are installed."""
    if not subjects.has(args.peer_python, "ultralytics", "av"):
        return {}
    found = {_PLAIN: Peer(trial.onnx, trial.size, trial.size)}
    if subjects.has(args.peer_python, "openvino"):
        _, (width, height) = sizes_of(trial.size)
        student = student_of(args.data, args.cache)
        model = subjects.openvino_of(student, width, height, trial, args.peer_python)
        found[_BEST] = Peer(model, width, height)
        found[_STRIDE] = Peer(model, width, height, EVERY)
    return found


def _take_turns(
    trial: Trial, peers: dict[str, Peer], minute: Path | None, args: argparse.Namespace
) -> Turns:
    turns, clip, folder = Turns(), trial.clip, trial.folder
    _, turns.ran = subjects.sfumato(clip, trial.student, folder)  # which remembers what it chose
    for turn in range(args.rounds):
        _tell(f"speed: {clip.stem}, {trial.size} px, turn {turn + 1} of {args.rounds}")
        turns.add(_OURS, subjects.sfumato(clip, trial.student, folder)[0])
        turns.add(_BEFORE, subjects.sfumato(clip, trial.bundle, folder)[0])
        for name, peer in peers.items():
            turns.add(name, subjects.ultralytics(trial, peer, args.peer_python, args.peer_encoder))
        turns.add(_TRANSCODE, subjects.transcode(trial))
        if minute is not None:
            turns.add(_MINUTE, subjects.sfumato(minute, trial.student, folder)[0])
        turns.floor.append(subjects.floor(clip, trial.student, EVERY))
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
            *("", "fps", "min", "max", "steady fps", "x Ultralytics", "x it, steady", "x before"),
            *("of the floor", "of it, steady"),
        ),
        note=f"fps: of the whole process. Steady: without loading. Sfumato chose {turns.ran} of its "
        f"bundle. Medians over {len(turns.floor)} turns; ratios are taken within a turn.",
    )
    plain = turns.by_name.get(_PLAIN)
    for name in (_OURS, _MINUTE, _BEFORE, _PLAIN, _BEST, _STRIDE, _TRANSCODE):
        every = turns.by_name.get(name)
        if every is None:
            if name != _MINUTE:
                table.rows.append((name, NOT_INSTALLED, *[NOTHING] * 8))
            continue
        whole = [timing.whole_fps for timing in every]
        row: list[float | str] = [name, median(whole), min(whole), max(whole)]
        row.append(median(timing.steady_fps for timing in every))
        row += [
            median(_ratios(every, plain, what)) if plain else NOTHING
            for what in ("whole_fps", "steady_fps")
        ]
        row.append(median(_ratios(every, turns.by_name[_BEFORE], "whole_fps")))
        row += [median(_shares(every, turns.floor, what)) for what in ("whole_fps", "steady_fps")]
        table.rows.append(tuple(row))
    floors = [_floor_fps(parts) for parts in turns.floor]
    spread = median(floors), min(floors), max(floors)
    name = f"floor of {_cores()} cores"
    table.rows.append((name, *spread, median(floors), NOTHING, NOTHING, NOTHING, 1.0, 1.0))
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


def _bare(
    trial: Trial, peers: dict[str, Peer], turns: Turns, args: argparse.Namespace, title: str
) -> Table:
    """What a peer's frames show beside ours, and how much of its lead in speed that is."""
    _tell(f"speed: {trial.clip.stem}, {trial.size} px, what is bare")
    judge = opened(args.data / "weights" / "coco-yolov8n-seg-640.onnx", trial.folder)
    people = People(trial.clip, judge, trial.folder / "seen")
    subjects.sfumato(trial.clip, trial.student, trial.folder)
    ours = people.shown_by(trial.folder / "sfumato.mp4")
    table = Table(
        f"Bare: {title}",
        ("", "leak %", "frames that show more than ours %", "not looked at %", "lead bought %"),
        note="Leak: share of people's pixels that shows, by the masks of the 640 px network in FP32 "
        "on every frame. Lead bought: its bare frames a second as a share of what it does more.",
    )
    table.rows.append((_OURS, 100 * ours.leak, 0.0, 100 * (1 - 1 / EVERY), NOTHING))
    for name, peer in peers.items():
        subjects.ultralytics(trial, peer, args.peer_python, effect="paint")
        theirs = people.shown_by(trial.folder / "ultralytics.mp4")
        bare = theirs.barer_than(ours)
        fps = median(timing.steady_fps for timing in turns.by_name[name])
        lead = fps - median(timing.steady_fps for timing in turns.by_name[_OURS])
        bought = 100 * min(1.0, bare * fps / lead) if lead > 0 else "no lead"
        unseen = 100 * (1 - 1 / peer.stride)
        table.rows.append((name, 100 * theirs.leak, 100 * bare, unseen, bought))
    return table


def _targets(turns: Turns, clip_name: str, size: int) -> list[Target]:
    found = []
    ours, where = turns.by_name[_OURS], f"{clip_name}, {size} px"
    for name, what in (("whole process", "whole_fps"), ("steady", "steady_fps")):
        at_720p = clip_name == "720p"
        if at_720p and _PLAIN in turns.by_name:
            ratio = median(_ratios(ours, turns.by_name[_PLAIN], what))
            found.append(Target(f"x Ultralytics, {where}, {name}", ratio, ">=", RATIO[size]))
        if at_720p and size in GAIN:
            ratio = median(_ratios(ours, turns.by_name[_BEFORE], what))
            found.append(Target(f"x before, {where}, {name}", ratio, ">=", GAIN[size]))
    share = median(_shares(ours, turns.floor, "steady_fps"))
    found.append(Target(f"share of the floor, {where}, steady", share, ">=", STEADY_SHARE))
    if _MINUTE in turns.by_name:
        share = median(_shares(turns.by_name[_MINUTE], turns.floor, "whole_fps"))
        found.append(Target(f"share of the floor, {where}, a minute", share, ">=", MINUTE_SHARE))
    return found
