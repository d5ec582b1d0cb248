"""What a trial of speed found: every turn of every subject, as tables and targets."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

from tests.bench.outcome import NOTHING, Table, Target
from tests.bench.subjects import NOT_INSTALLED

if TYPE_CHECKING:
    from tests.bench.subjects import Timing

EVERY = 5
RATIO = {640: 8.0, 320: 5.0}
"""How many times as fast as the plain loop around Ultralytics, by the network's size, at 720p."""

GAIN = {640: 2.0}
"""How many times as fast as before."""

STEADY_SHARE, MINUTE_SHARE = 0.9, 0.85
"""Of the floor: once everything is loaded, and of the whole process of a clip of a minute."""

OURS = f"Sfumato --every {EVERY}"
BEFORE = "the same network as before: FP32, square, dense"
PLAIN = "Ultralytics loop, every frame"
BEST = "Ultralytics + OpenVINO, fitted size, every frame"
STRIDE = f"the same with vid_stride {EVERY}, boxes held"
TRANSCODE = "FFmpeg transcode, same encoder settings"
MINUTE = f"{OURS}, a minute"


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


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _floor_fps(parts: dict[str, float]) -> float:
    spent_ms = parts["decode"] + parts["detect"] / EVERY + parts["redact"] + parts["encode"]
    return 1000 * _cores() / spent_ms


def _ratios(ours: list[Timing], theirs: list[Timing], what: str) -> list[float]:
    return [getattr(a, what) / getattr(b, what) for a, b in zip(ours, theirs, strict=True)]


def _shares(ours: list[Timing], floors: list[dict[str, float]], what: str) -> list[float]:
    return [getattr(a, what) / _floor_fps(f) for a, f in zip(ours, floors, strict=True)]


def speed_table(turns: Turns, title: str) -> Table:
    table = Table(
        f"Speed: {title}",
        (
            *("", "fps", "min", "max", "steady fps", "x Ultralytics", "x it, steady", "x before"),
            *("of the floor", "of it, steady"),
        ),
        note=f"fps: of the whole process. Steady: without loading. Sfumato chose {turns.ran} of its "
        f"bundle. Medians over {len(turns.floor)} turns; ratios are taken within a turn.",
    )
    plain = turns.by_name.get(PLAIN)
    for name in (OURS, MINUTE, BEFORE, PLAIN, BEST, STRIDE, TRANSCODE):
        every = turns.by_name.get(name)
        if every is None:
            if name != MINUTE:
                table.rows.append((name, NOT_INSTALLED, *[NOTHING] * 8))
            continue
        whole = [timing.whole_fps for timing in every]
        row: list[float | str] = [name, median(whole), min(whole), max(whole)]
        row.append(median(timing.steady_fps for timing in every))
        row += [
            median(_ratios(every, plain, what)) if plain else NOTHING
            for what in ("whole_fps", "steady_fps")
        ]
        row.append(median(_ratios(every, turns.by_name[BEFORE], "whole_fps")))
        row += [median(_shares(every, turns.floor, what)) for what in ("whole_fps", "steady_fps")]
        table.rows.append(tuple(row))
    floors = [_floor_fps(parts) for parts in turns.floor]
    spread = median(floors), min(floors), max(floors)
    name = f"floor of {_cores()} cores"
    table.rows.append((name, *spread, median(floors), NOTHING, NOTHING, NOTHING, 1.0, 1.0))
    return table


def floor_table(turns: Turns, title: str) -> Table:
    table = Table(
        f"Floor: {title}, one thread",
        ("part", "ms", "min", "max"),
        note=f"Floor: (decode + detect / {EVERY} + redact + encode) / {_cores()} cores.",
    )
    for part in turns.floor[0]:
        spent = [parts[part] for parts in turns.floor]
        table.rows.append((part, median(spent), min(spent), max(spent)))
    return table


def targets_of(turns: Turns, clip_name: str, size: int) -> list[Target]:
    found = []
    ours, where = turns.by_name[OURS], f"{clip_name}, {size} px"
    for name, what in (("whole process", "whole_fps"), ("steady", "steady_fps")):
        at_720p = clip_name == "720p"
        if at_720p and PLAIN in turns.by_name:
            ratio = median(_ratios(ours, turns.by_name[PLAIN], what))
            found.append(Target(f"x Ultralytics, {where}, {name}", ratio, ">=", RATIO[size]))
        if at_720p and size in GAIN:
            ratio = median(_ratios(ours, turns.by_name[BEFORE], what))
            found.append(Target(f"x before, {where}, {name}", ratio, ">=", GAIN[size]))
    share = median(_shares(ours, turns.floor, "steady_fps"))
    found.append(Target(f"share of the floor, {where}, steady", share, ">=", STEADY_SHARE))
    if MINUTE in turns.by_name:
        share = median(_shares(turns.by_name[MINUTE], turns.floor, "whole_fps"))
        found.append(Target(f"share of the floor, {where}, a minute", share, ">=", MINUTE_SHARE))
    return found
