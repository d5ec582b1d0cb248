"""What it costs to be reported on and told what to do over MQTT, and how soon that is done.

A fleet with and without a control plane takes turns; ratios are taken within a turn.
"""

from __future__ import annotations

import os
import sys
import time
from itertools import cycle
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from tests.bench.clips import made
from tests.bench.commander import Broker, Commander
from tests.bench.devices import usage_of
from tests.bench.fleet import DEVICE, Fleet
from tests.bench.network import bundle_of
from tests.bench.outcome import NOTHING, Outcome, Table, Target
from tests.bench.service import HIDE, SIZE, WARM_FRAMES
from tests.bench.window import Window, window

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

STREAMS, MOST_STREAMS = 2, 8
FRAMES_KEPT = 0.98
"""Frames a second with a control plane over those without."""
IDLE_MS, BUSY_MS = 5.0, 200.0
"""Of a ping: the median where nothing else is done, and the 99th percentile under load. All three
are what the design asks for."""

_EVERY_S = 1.0
_PAUSE_S = 0.05
"""Between an answer and the next command, so that they don't fall into step with frames."""
_SHORTEST_S = 10
"""Of `telemetry.interval_s`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this program."""
    group = parser.add_argument_group("control")
    group.add_argument(
        "--control-window", type=float, default=20.0, metavar="S", help="(%(default)s s a turn)"
    )
    group.add_argument(
        "--control-commands", type=int, default=500, metavar="N", help="(%(default)s an op)"
    )


def run(args: argparse.Namespace) -> Outcome:
    """With and without in turns, then commands one after the other."""
    outcome = Outcome()
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        onnx = Path(args.data) / "weights" / "coco-yolov8n-seg-320.onnx"
        juggle = Path(args.data) / "videos" / "05_default_juggle.mp4"
        clip, bundle = made(juggle, folder / "432p.mp4", size=SIZE), bundle_of(onnx, folder)
        (folder / "broker").mkdir()
        with Broker(folder / "broker", persistence="right") as broker:
            _cost(args, clip, bundle, broker, outcome)
            _round_trips(args.control_commands, clip, bundle, broker, outcome)
    return outcome


def _cost(
    args: argparse.Namespace, clip: Path, bundle: Path, broker: Broker, outcome: Outcome
) -> None:
    without: list[Window] = []
    with_it: list[Window] = []
    others_s: list[float] = []
    for turn in range(args.rounds):
        _tell(f"control: without and with, turn {turn + 1} of {args.rounds}")
        # Whoever comes second meets a machine that the first has warmed.
        for is_on in (False, True) if turn % 2 else (True, False):
            with TemporaryDirectory(dir=clip.parent) as own:
                sections = _sections(broker) if is_on else None
                with Fleet(STREAMS, clip, bundle, Path(own), HIDE, sections) as fleet:
                    before = fleet.until(WARM_FRAMES)[-1]
                    if is_on:
                        others_s.append(_talk(broker, args.control_window))
                    else:
                        time.sleep(args.control_window)
                    seen = window(before, fleet.usage(), rate=1.0)
                    (with_it if is_on else without).append(seen)
    pairs = [*zip(with_it, without, strict=True)]
    kept = median(on.fps / off.fps for on, off in pairs)
    cost = median(on.cpu_ms / off.cpu_ms for on, off in pairs)
    outcome.tables.append(_table(with_it, without, kept, cost, median(others_s), args))
    outcome.targets.append(Target("frames a second, with / without", kept, ">=", FRAMES_KEPT))


def _talk(broker: Broker, seconds: float) -> float:
    """What an agent is told and tells meanwhile; CPU seconds of everybody else."""
    began_s, cpu_s = time.monotonic(), _others_s(broker)
    ids = []
    with Commander(broker.address(), "talker", [(f"sfumato/v1/{DEVICE}/#", 1)]) as commander:
        for second, op in enumerate(cycle(("ping", "snapshot"))):
            time.sleep(max(0.0, began_s + second * _EVERY_S - time.monotonic()))
            if time.monotonic() >= began_s + seconds:
                break
            ids.append(commander.order(DEVICE, op, {"stream": "s0"} if op == "snapshot" else {}))
            commander.order(DEVICE, "ping", sent_ts=0.0)  # expired, which is an event
        commander.round_trips_s(ids)
        expired = f"sfumato/v1/{DEVICE}/evt/command_expired"
        commander.until(lambda: commander.heard[expired] >= len(ids), "all events")
    return _others_s(broker) - cpu_s


def _others_s(broker: Broker) -> float:
    return usage_of(broker.pid)[0] + usage_of(os.getpid())[0]


def _round_trips(count: int, clip: Path, bundle: Path, broker: Broker, outcome: Outcome) -> None:
    table = Table(
        "Round trips of commands, one after the other, ms",
        ("", "op", "answers", "p50", "p99", "longest"),
        note="By one lasting connection, without TLS, on the same machine as broker and agent.",
    )
    for streams, is_idle in ((1, True), (MOST_STREAMS, False)):
        _tell(f"control: commands beside {streams} streams")
        with (
            TemporaryDirectory(dir=clip.parent) as own,
            Fleet(streams, clip, bundle, Path(own), HIDE, _sections(broker)) as fleet,
            Commander(broker.address(), "timer", [(f"sfumato/v1/{DEVICE}/res/+", 1)]) as commander,
        ):
            fleet.until(WARM_FRAMES)
            if is_idle:
                commander.round_trips_s([commander.order(DEVICE, "pause")])
            for op in ("ping",) if is_idle else ("ping", "snapshot"):
                spent_ms = _timed(commander, op, count)
                p50, p99 = (float(each) for each in np.percentile(spent_ms, (50, 99)))
                state = "its stream is paused" if is_idle else f"{streams} streams"
                table.rows.append((state, op, len(spent_ms), p50, p99, max(spent_ms)))
                if is_idle:
                    outcome.targets.append(Target("ping, idle, p50, ms", p50, "<=", IDLE_MS))
                else:
                    what = f"{op} beside {streams} streams, p99, ms"
                    outcome.targets.append(Target(what, p99, "<=", BUSY_MS))
            if commander.failed:
                raise SystemExit(f"not done: {commander.failed[0].decode()}")
    outcome.tables.append(table)


def _timed(commander: Commander, op: str, count: int) -> list[float]:
    spent_ms = []
    for _ in range(count):
        command_id = commander.order(DEVICE, op, {"stream": "s0"} if op == "snapshot" else {})
        spent_ms += [1000 * each_s for each_s in commander.round_trips_s([command_id])]
        time.sleep(_PAUSE_S)
    return spent_ms


def _sections(broker: Broker) -> dict[str, dict[str, object]]:
    return {
        "mqtt": {"host": broker.host, "port": broker.port, "jitter_s": 0},
        "telemetry": {"interval_s": _SHORTEST_S},
    }


def _table(
    with_it: Sequence[Window],
    without: Sequence[Window],
    kept: float,
    cost: float,
    others_s: float,
    args: argparse.Namespace,
) -> Table:
    cores = len(os.sched_getaffinity(0))
    table = Table(
        f"{STREAMS} streams of {SIZE[0]}x{SIZE[1]} with and without a control plane, {cores} cores",
        ("control plane", "fps", "min", "max", "x without", "CPU ms/frame", "x without", "RSS MB"),
        note=f"Medians of {args.rounds} turns of {args.control_window:g} s; ratios are taken within "
        f"a turn. With: a command every {_EVERY_S:g} s (ping and snapshot by turns), an event with "
        f"each (a command that came too late), telemetry every {_SHORTEST_S} s. Broker and operator "
        f"are on the same cores and take {others_s:.2f} CPU s a turn.",
    )
    for name, seen in (("without", without), ("with", with_it)):
        fps, is_on = [each.fps for each in seen], name == "with"
        table.rows.append(
            (
                name,
                *(median(fps), min(fps), max(fps), kept if is_on else NOTHING),
                *(median(each.cpu_ms for each in seen), cost if is_on else NOTHING),
                median(each.resident_mb for each in seen),
            )
        )
    return table


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
