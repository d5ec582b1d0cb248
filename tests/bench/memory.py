"""Memory of a long run at 1080p: how much at most, and whether it grows."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory, TemporaryFile
from typing import TYPE_CHECKING

from tests.bench.clips import FULL_HD, looped, made
from tests.bench.network import bundle_of
from tests.bench.outcome import Outcome, Table, Target
from tests.bench.subjects import ROOT, sfumato_command

if TYPE_CHECKING:
    import argparse

PEAK_MB = 700
DRIFT_PERCENT = 3
_SAMPLE_S = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this program."""
    group = parser.add_argument_group("memory")
    group.add_argument(
        "--memory-frames", type=int, default=5000, metavar="N", help="length (%(default)s)"
    )


def run(args: argparse.Namespace) -> Outcome:
    """Redact a long clip, and watch."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        weights = args.data / "weights" / "coco-yolov8n-seg-640.onnx"
        short = made(
            args.data / "videos" / "05_default_juggle.mp4", folder / "short.mp4", size=FULL_HD
        )
        clip = looped(short, folder / "long.mp4", args.memory_frames)
        command = sfumato_command(
            clip, folder / "out.mp4", bundle_of(weights, folder), preset="ultrafast"
        )
        print(f"memory: {args.memory_frames} frames", file=sys.stderr)
        samples_mb, peak_mb = watched(command)
    quarter = max(1, len(samples_mb) // 4)
    quarters = [median(samples_mb[i * quarter : (i + 1) * quarter] or [0]) for i in range(3)]
    quarters.append(median(samples_mb[-quarter:]))
    drift = 100 * (quarters[-1] / quarters[0] - 1)
    table = Table(
        f"Resident memory over {args.memory_frames} frames of 1080p, 640 px network, MB",
        ("", "peak", "1st quarter", "2nd", "3rd", "4th", "drift %"),
        [("Sfumato --every 5", peak_mb, *quarters, drift)],
        f"Quarters: medians of {len(samples_mb)} samples, one a second. MB: 10⁶ bytes.",
    )
    return Outcome(
        [table],
        [
            Target("peak memory, MB", peak_mb, "<=", PEAK_MB),
            Target("drift between first and last quarter, %", abs(drift), "<=", DRIFT_PERCENT),
        ],
    )


def watched(command: list[str]) -> tuple[list[float], float]:
    """Run a program: its resident memory once a second and at its peak, MB."""
    samples: list[float] = []
    peak = 0.0
    with TemporaryFile() as said:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=said)
        while process.poll() is None:
            resident, highest = _resident_mb(process.pid)
            if resident:
                samples.append(resident)
                peak = max(peak, highest)
            time.sleep(_SAMPLE_S)
        if process.returncode or not samples:
            said.seek(0)
            raise SystemExit(f"{' '.join(command)} failed:\n{said.read()[-2000:].decode()}")
    return samples, peak


def _resident_mb(pid: int) -> tuple[float, float]:
    """Resident memory now and at its highest; 0 once the process is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0, 0.0
    fields = dict(line.split(":", 1) for line in lines)
    return _mb(fields.get("VmRSS")), _mb(fields.get("VmHWM"))


def _mb(field: str | None) -> float:
    """`  1234 kB` in MB; the kernel's kB are 1024 bytes."""
    return int(field.split()[0]) * 1024 / 1e6 if field else 0.0
