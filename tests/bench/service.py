"""The agent as a service: what eight streams cost beside one, and whether an hour of them grows.

Fleets of one, two, four and eight streams and the floor take turns; ratios are taken within a turn.
Files are played as fast as they go, so a fleet always has more to do than the cores can.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import av

from tests.agent.networks import PLACE, network
from tests.agent.worlds import Thing, World, linear, write_world_bundle
from tests.bench import subjects
from tests.bench.clips import USUAL_RATE, looped, made
from tests.bench.fleet import Fleet
from tests.bench.network import bundle_of
from tests.bench.outcome import NOTHING, Outcome, Table, Target
from tests.bench.window import Window, resident_at, window

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping, Sequence

STREAMS = (1, 2, 4, 8)
SIZE = (768, 432)
EVERY = 5
HIDE = {"classes": ["person"], "conf": 0.25, "effect": "solid:ff00ff"}

WARM_FRAMES = 100
"""Of each stream, before it is measured: the network has run, the encoder's look-ahead is full."""

TINY_RATE = 25
"""Frames a second of the hour's clip, of 160x96."""
HOUR_WITHIN_S = 3600.0

COST_RATIO, SHARE_OF_ONE = 1.1, 0.95
"""CPU of a frame, eight streams over one, and frames a second. Chosen, not measured: the same but
for what a shared machine adds by chance."""
FAIRNESS, GROWTH_MB = 0.95, 10.0
"""Jain's index, and memory: what the design asks of the service."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this program."""
    group = parser.add_argument_group("service")
    group.add_argument(
        "--service-window", type=float, default=20.0, metavar="S", help="(%(default)s s a fleet)"
    )
    group.add_argument(
        "--service-media",
        type=float,
        default=3600.0,
        metavar="S",
        help="of each stream's own time, for memory (%(default)s s)",
    )


def run(args: argparse.Namespace) -> Outcome:
    """Fleets in turns, then an hour of the largest."""
    outcome = Outcome()
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _fleets(args, folder, outcome)
        _hour(args, folder, outcome)
    return outcome


def _fleets(args: argparse.Namespace, folder: Path, outcome: Outcome) -> None:
    juggle = Path(args.data) / "videos" / "05_default_juggle.mp4"
    onnx = Path(args.data) / "weights" / "coco-yolov8n-seg-320.onnx"
    clip = made(juggle, folder / "432p.mp4", size=SIZE)
    bundle = bundle_of(onnx, folder)
    turns: list[dict[int, Window]] = []
    floors: list[dict[str, float]] = []
    for turn in range(args.rounds):
        turns.append({})
        for streams in STREAMS:
            _tell(f"service: {streams} streams, turn {turn + 1} of {args.rounds}")
            turns[-1][streams] = _measured(streams, clip, bundle, args.service_window)
        floors.append(subjects.floor(clip, bundle, EVERY))
    outcome.tables.append(_table(turns, floors, args.service_window))
    one, most = STREAMS[0], STREAMS[-1]
    pairs = [(turn[one], turn[most]) for turn in turns]
    cost = median(many.cpu_ms / alone.cpu_ms for alone, many in pairs)
    speed = median(many.fps / alone.fps for alone, many in pairs)
    fair = median(many.jain for _, many in pairs)
    outcome.targets += [
        Target(f"CPU of a frame, {most} streams / {one}", cost, "<=", COST_RATIO),
        Target(f"frames a second, {most} streams / {one}", speed, ">=", SHARE_OF_ONE),
        Target(f"Jain's index of {most} streams", fair, ">=", FAIRNESS),
    ]


def _measured(streams: int, clip: Path, bundle: Path, window_s: float) -> Window:
    with (
        TemporaryDirectory(dir=bundle.parent) as folder,
        Fleet(streams, clip, bundle, Path(folder), HIDE) as fleet,
    ):
        before = fleet.until(WARM_FRAMES)[-1]
        time.sleep(window_s)
        return window(before, fleet.usage(), _rate(clip))


def _hour(args: argparse.Namespace, folder: Path, outcome: Outcome) -> None:
    x0, y0, x1, y1 = PLACE
    world = World(Thing(linear(x0, y0), (x1 - x0, y1 - y0)), frames=50)
    # A loop of a minute: opening a file fifteen times a second is another thing than an hour.
    clip = looped(world.write(folder / "tiny.mp4"), folder / "minute.mp4", 60 * TINY_RATE)
    bundle = write_world_bundle(folder / "tiny.sfm", network())
    streams = STREAMS[-1]
    frames = round(args.service_media * TINY_RATE)
    _tell(f"service: {streams} streams, {args.service_media:g} s of each one's own time")
    place = folder / "hour"
    place.mkdir()
    with Fleet(streams, clip, bundle, place, {"effect": "solid"}) as fleet:
        fleet.until(min(WARM_FRAMES, frames // 10))
        seen = fleet.until(frames, HOUR_WITHIN_S)
    early, late = resident_at(seen, 0.1), resident_at(seen, 1.0)
    table = Table(
        f"Resident memory of {streams} tiny streams over {args.service_media:g} s of their own "
        "time, MB",
        ("", "at 10 %", "at 100 %", "growth", "frames", "seconds"),
        note="MB: 10⁶ bytes.",
    )
    spent_s = seen[-1].at_s - seen[0].at_s
    written = sum(seen[-1].frames.values())
    table.rows.append(("sfumato run", early, late, late - early, written, spent_s))
    outcome.tables.append(table)
    outcome.targets.append(Target("growth of memory, MB", late - early, "<=", GROWTH_MB))


def _table(
    turns: Sequence[dict[int, Window]], floors: Sequence[dict[str, float]], window_s: float
) -> Table:
    cores = len(os.sched_getaffinity(0))
    table = Table(
        f"Streams of {SIZE[0]}x{SIZE[1]}, 320 px network, every {EVERY}th frame, {cores} cores",
        (
            *("streams", "fps of all", "min", "max", "x one", "of the floor"),
            *("CPU ms/frame", "x one", "CPU s/s", "Jain", "RSS MB"),
        ),
        note=f"Medians of {len(turns)} turns of {window_s:g} s; ratios are taken within a turn. "
        f"Floor: (decode + detect / {EVERY} + redact + encode) / {cores} cores. CPU s/s: what a "
        "stream computes in a second of its own time. RSS: at the end of a turn.",
    )
    alone = [turn[STREAMS[0]] for turn in turns]
    work = [_work_ms(parts, parts) for parts in floors]
    for streams in STREAMS:
        ours = [turn[streams] for turn in turns]
        fps = [each.fps for each in ours]
        table.rows.append(
            (
                str(streams),
                *(median(fps), min(fps), max(fps)),
                _ratio(fps, [one.fps for one in alone]),
                _ratio(fps, [1000 * cores / ms for ms in work]),
                median(each.cpu_ms for each in ours),
                _ratio([each.cpu_ms for each in ours], [one.cpu_ms for one in alone]),
                median(each.cpu_s for each in ours),
                median(each.jain for each in ours),
                median(each.resident_mb for each in ours),
            )
        )
    codec = [_work_ms(parts, ("decode", "encode")) for parts in floors]
    for name, spent in (("floor", work), ("decode + encode alone", codec)):
        fps = [1000 * cores / ms for ms in spent]
        rates = (median(fps), min(fps), max(fps), NOTHING, _ratio(work, spent))
        table.rows.append((name, *rates, median(spent), *[NOTHING] * 4))
    return table


def _work_ms(parts: Mapping[str, float], names: Iterable[str]) -> float:
    """Milliseconds of a frame on one thread, of the named parts."""
    return sum(parts[name] / (EVERY if name == "detect" else 1) for name in names)


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return median(a / b for a, b in zip(ours, theirs, strict=True))


def _rate(clip: Path) -> float:
    with av.open(str(clip)) as container:
        return float(container.streams.video[0].average_rate or USUAL_RATE)


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
