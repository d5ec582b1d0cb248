"""Frames a second, side by side: Sfumato now and before, Ultralytics plain and at its best on a
CPU, FFmpeg, and the floor.

The programs take turns (A B C A B C ...), and ratios are taken within a turn, so that a machine
that slows down slows all of them down.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.bench import subjects
from tests.bench.bare import People
from tests.bench.clips import FULL_HD, looped, made
from tests.bench.network import bundle_of, opened
from tests.bench.outcome import NOTHING, Outcome, Table, Target
from tests.bench.speed_turns import (
    BEFORE,
    BEST,
    EVERY,
    MINUTE,
    OURS,
    PLAIN,
    STRIDE,
    TRANSCODE,
    Turns,
    floor_table,
    speed_table,
    targets_of,
)
from tests.bench.student_bundle import bundle_of_student, sizes_of, student_of
from tests.bench.subjects import NOT_INSTALLED, Peer, Trial

if TYPE_CHECKING:
    import argparse

MINUTE_FRAMES = 60 * 24
START_UP_S = 0.45
CLIPS = ("720p", "1080p")


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
                outcome.tables += [speed_table(turns, title), floor_table(turns, title)]
                if STRIDE in peers:
                    outcome.tables.append(_bare(trial, peers, turns, args, title))
                outcome.targets += targets_of(turns, clip_name, size)
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
        spent: dict[str, list[float]] = {OURS: [], BEFORE: [], PLAIN: []}
        for turn in range(args.rounds + 1):
            _tell(f"startup, turn {turn}")
            spent[OURS].append(subjects.sfumato(clip, trial.student, folder)[0].whole_s)
            spent[BEFORE].append(subjects.sfumato(clip, trial.bundle, folder)[0].whole_s)
            if peer:
                plain = Peer(trial.onnx, 640, 640)
                spent[PLAIN].append(subjects.ultralytics(trial, plain, args.peer_python).whole_s)
        for name, every in spent.items():
            taken = every[1:]  # the first turn fills the disk's cache, and tries the files
            row = (
                (median(taken), min(taken), max(taken))
                if taken
                else (NOT_INSTALLED, NOTHING, NOTHING)
            )
            table.rows.append((name, *row))
        outcome.tables.append(table)
        outcome.targets.append(Target("start-up, s", median(spent[OURS][1:]), "<=", START_UP_S))
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
    found = {PLAIN: Peer(trial.onnx, trial.size, trial.size)}
    if subjects.has(args.peer_python, "openvino"):
        _, (width, height) = sizes_of(trial.size)
        student = student_of(args.data, args.cache)
        model = subjects.openvino_of(student, width, height, trial, args.peer_python)
        found[BEST] = Peer(model, width, height)
        found[STRIDE] = Peer(model, width, height, EVERY)
    return found


def _take_turns(
    trial: Trial, peers: dict[str, Peer], minute: Path | None, args: argparse.Namespace
) -> Turns:
    turns, clip, folder = Turns(), trial.clip, trial.folder
    _, turns.ran = subjects.sfumato(clip, trial.student, folder)  # which remembers what it chose
    for turn in range(args.rounds):
        _tell(f"speed: {clip.stem}, {trial.size} px, turn {turn + 1} of {args.rounds}")
        turns.add(OURS, subjects.sfumato(clip, trial.student, folder)[0])
        turns.add(BEFORE, subjects.sfumato(clip, trial.bundle, folder)[0])
        for name, peer in peers.items():
            turns.add(name, subjects.ultralytics(trial, peer, args.peer_python, args.peer_encoder))
        turns.add(TRANSCODE, subjects.transcode(trial))
        if minute is not None:
            turns.add(MINUTE, subjects.sfumato(minute, trial.student, folder)[0])
        turns.floor.append(subjects.floor(clip, trial.student, EVERY))
    return turns


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


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
        (
            *("", "leak %", "frames that show more than ours %", "that nobody looked at %"),
            *("lead bought by the former %", "by the latter %"),
        ),
        note="Leak: share of people's pixels that shows, by the masks of the 640 px network in FP32 "
        "on every frame. Sfumato follows and interpolates what it does not look at. Lead bought: so "
        "many of a peer's frames a second as a share of what it does more than Sfumato, steady.",
    )
    table.rows.append((OURS, 100 * ours.leak, 0.0, NOTHING, NOTHING, NOTHING))
    for name, peer in peers.items():
        subjects.ultralytics(trial, peer, args.peer_python, effect="paint")
        theirs = people.shown_by(trial.folder / "ultralytics.mp4")
        bare = theirs.barer_than(ours)
        fps = median(timing.steady_fps for timing in turns.by_name[name])
        lead = fps - median(timing.steady_fps for timing in turns.by_name[OURS])
        unseen = 1 - 1 / peer.stride
        bought = [
            100 * min(1.0, share * fps / lead) if lead > 0 else "no lead"
            for share in (bare, unseen)
        ]
        table.rows.append((name, 100 * theirs.leak, 100 * bare, 100 * unseen, *bought))
    return table
