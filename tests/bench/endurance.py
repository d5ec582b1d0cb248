"""What a supervised stream holds after a thousand reconnections and millions of frames."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tests.bench.outcome import Outcome, Table, Target
from tests.bench.subjects import ROOT

if TYPE_CHECKING:
    import argparse

RECONNECTIONS = 1000
GROWTH_MB = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this program."""
    group = parser.add_argument_group("endurance")
    group.add_argument(
        "--endurance-frames",
        type=int,
        default=3_000_000,
        metavar="N",
        help="of 64x32, without a codec (%(default)s)",
    )


def run(args: argparse.Namespace) -> Outcome:
    """Lose a stream and take it up again, in a process of its own."""
    print(f"endurance: {args.endurance_frames} frames", file=sys.stderr, flush=True)
    began_s = time.monotonic()
    done = subprocess.run(
        [
            sys.executable,
            ROOT / "tests" / "world" / "tireless.py",
            str(RECONNECTIONS),
            str(args.endurance_frames),
        ],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'agent'}"},
    )
    found = json.loads(done.stdout)
    early, late = found["early"], found["late"]
    growth_mb = (late["resident_bytes"] - early["resident_bytes"]) / 1e6
    names = ("resident_bytes", "descriptors", "threads")
    table = Table(
        f"One stream, lost {RECONNECTIONS} times",
        ("", "frames", "resident MB", "descriptors", "threads", "seconds"),
        [
            (when, frames, held[names[0]] / 1e6, held[names[1]], held[names[2]], seconds)
            for when, frames, held, seconds in (
                ("after a tenth", found["frames"] // 10, early, "-"),
                ("after all", found["frames"], late, time.monotonic() - began_s),
            )
        ],
        "MB: 10⁶ bytes.",
    )
    return Outcome(
        [table],
        [
            Target("growth of memory, MB", growth_mb, "<=", GROWTH_MB),
            Target("more descriptors", late["descriptors"] - early["descriptors"], "<=", 0),
            Target("more threads", late["threads"] - early["threads"], "<=", 0),
        ],
    )
