"""`python -m tests.bench`: figures measured side by side in one run."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from tests.bench import (
    control,
    cover,
    distill,
    effects,
    endurance,
    engines,
    finetune,
    live,
    memory,
    precision,
    quantize,
    rollouts,
    service,
    sessions,
    speed,
    student,
    student_bundle,
    teacher,
)

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
PROGRAMS = {
    "speed": speed.run,
    "startup": speed.run_startup,
    "memory": memory.run,
    "cover": cover.run,
    "precision": precision.run,
    "engines": engines.run,
    "quantize": quantize.run,
    "auto": cover.run_auto,
    "short": cover.run_short,
    "effects": effects.run,
    "teacher": teacher.run,
    "finetune": finetune.run,
    "distill": distill.run,
    "student": student.run,
    "students": student_bundle.run,
    "endurance": endurance.run,
    "service": service.run,
    "live": live.run,
    "control": control.run,
    "sessions": sessions.run,
    "fleet": rollouts.run,
}
ALL = ("speed", "startup", "memory", "cover")
"""What runs when nothing is named; cover holds all that auto and short do."""


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help=", ".join(PROGRAMS))
    parser.add_argument("--data", type=Path, default=DATA, metavar="DIR", help="videos and weights")
    parser.add_argument(
        "--json", type=Path, metavar="OUT", help="the figures for a program to read"
    )
    for program in (
        speed,
        student,
        student_bundle,
        memory,
        cover,
        endurance,
        finetune,
        service,
        live,
        control,
        sessions,
        rollouts,
    ):
        program.add_arguments(parser)
    args = parser.parse_args()
    if unknown := set(args.programs) - set(PROGRAMS):
        parser.error(f"no program {min(unknown)!r}; there are {', '.join(PROGRAMS)}")
    if not args.data.is_dir():
        parser.error(f"{args.data}: no such folder; name the one with videos and weights: --data")
    figures: dict[str, object] = {"machine": (machine := _machine())}
    print("# Benchmarks\n\n" + "\n".join(f"- {k}: {v}" for k, v in machine.items()) + "\n")
    for name in args.programs or ALL:
        outcome = PROGRAMS[name](args)
        print(f"## {name}\n\n{outcome.markdown()}\n", flush=True)
        figures[name] = {
            "tables": [asdict(table) for table in outcome.tables],
            "targets": [{**asdict(target), "met": target.met} for target in outcome.targets],
        }
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1))
    return 0


def _machine() -> dict[str, str]:
    """What figures must name to mean anything."""
    described = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in described if line.startswith("model name")]
    packages = ("av", "numpy", "onnxruntime", "opencv-python")
    return {
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "processor": names[0] if names else platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "load before": f"{os.getloadavg()[0]:.2f}",
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
    }


if __name__ == "__main__":
    sys.exit(main())
