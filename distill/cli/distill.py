"""`sfumato-distill distill`: a compact student from a large teacher."""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from distill.cli import arguments

if TYPE_CHECKING:
    from distill.student.config import DistillConfig

_DESCRIPTION = """\
Distill a large teacher into a compact student as a YAML file says. The student learns from labels,
from what the teacher labelled, and from what the teacher thinks of the very images it is shown:
its features, its class maps, its boxes, its masks. The run has a folder of its own; the same
command goes on with it after a stop or a kill, and does nothing once it is done.
"""

_EPILOG = """\
  sfumato-distill label clips --teacher teacher.safetensors --classes bottle --out pseudo
  sfumato-distill distill configs/distill-bottle.yaml --dry-run
  sfumato-distill distill configs/distill-bottle.yaml
  sfumato-distill distill configs/distill-bottle.yaml --control --out runs/control

Is the teacher worth it? --control trains the identical student without it (only its labels stay);
`sfumato-distill ladder` compares every step from labels alone to the whole, over several seeds.

The folder gets config.yaml (the settings in full), losses.jsonl (a line for each step, term by
term; of rtmdet-ins when the run ends), val.json (what it is worth on data.val) and the student,
averaged, with nothing of the teacher in it: student.pt, or student.safetensors for rtmdet-ins.
training/ has pictures of what the student is shown (look at them), curves, and what a stopped run
goes on from. Paths in CONFIG are relative to CONFIG itself, --out to where you are.

A student of Ultralytics' is theirs to license: AGPL-3.0, or their commercial licence. What you
train from rtmdet-ins is yours.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `distill`."""
    parser = commands.add_parser(
        "distill",
        help="train a compact student with a teacher",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", type=Path, metavar="CONFIG", help="settings, a YAML file")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="the run's folder (default: the config's `run`)"
    )
    parser.add_argument(
        "--control", action="store_true", help="train the identical run without the teacher"
    )
    parser.add_argument(
        "--device",
        default="auto",
        metavar="D",
        help="auto, cpu, cuda, or several GPUs as 0,1 (default: a GPU if any)",
    )
    arguments.add_training_options(parser, "epochs")
    parser.add_argument(
        "--dry-run", action="store_true", help="read everything, say what would be trained, stop"
    )
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from distill.student.config import read_config
    from distill.tracker import check_tracker

    config = read_config(args.config)
    if args.control:
        config = config.control()
    if args.out:
        config = config.model_copy(update={"run": args.out.absolute()})
    if args.patience is not None:
        schedule = config.schedule.model_copy(update={"patience": args.patience})
        config = config.model_copy(update={"schedule": schedule})
    if args.balance is not None:
        data = config.data.model_copy(update={"balance": args.balance})
        config = config.model_copy(update={"data": data})
    if args.logger:
        config = config.model_copy(update={"logger": args.logger})
    check_tracker(config.logger)
    if args.dry_run:
        return _dry_run(config)
    from distill.student.run import train_student

    weights = train_student(config, args.device)
    _measure(config, weights, args.device)
    print(f"student: {weights}")
    return 0


def _measure(config: DistillConfig, weights: Path, device: str) -> None:
    """What it is worth, once; in the code that the device runs, up to the network itself."""
    from distill.evaluate import evaluate
    from distill.evaluate.subject import subject_of_weights
    from distill.files import sha256_of, writing
    from distill.finetune.recorder import first_lines
    from distill.progress import progress
    from distill.student.student_folder import StudentFolder
    from distill.student.training_images import read_images
    from models.whole_file import whole_file

    report, sha256 = StudentFolder(config.run).report, sha256_of(weights)
    figures = json.loads(report.read_bytes()) if report.exists() else {}
    if figures.get("sha256") != sha256:
        dataset = read_images(config).val
        device = "auto" if "," in device or device.isdigit() else device
        subject = subject_of_weights(str(weights), config.student.image_size, device)
        shown = partial(progress, desc="measuring")
        found = evaluate(subject.seeing(config.student.classes), dataset, progress=shown)
        for problem in first_lines(found.problems):
            print(problem, file=sys.stderr)
        figures = {"sha256": sha256, **found.to_json()}
        with writing(report), whole_file(report) as file:
            file.write(json.dumps(figures, indent=1).encode())
    print(
        f"on {figures['images']} held-out images: mask mAP {figures['mask_map']:.3f}, mAP50 "
        f"{figures['mask_map50']:.3f}, F1 {figures['f1']:.3f} at {figures['confidence']:g}"
    )


def _dry_run(config: DistillConfig) -> int:
    from distill.data.repeat_factors import balance_lines
    from distill.files import sha256_of
    from distill.finetune.recorder import first_lines
    from distill.student.check_weights import check_weights
    from distill.student.training_images import read_images

    images = read_images(config)
    check_weights(config)
    print(f"student: {config.student.name}, finds {', '.join(config.student.classes)}")
    if config.student.weights:
        print(f"starts from {config.student.weights}, sha256 {sha256_of(config.student.weights)}")
    if config.uses_teacher:
        _print_teacher(config)
    parts = (
        ("labelled", images.labelled),
        ("pseudo", images.pseudo),
        ("val", images.val.images),
    )
    for name, records in parts:
        ignored = [annotation.ignore for record in records for annotation in record.annotations]
        regions = sum(ignored)
        print(
            f"{name}: {len(records)} images, {len(ignored) - regions} objects, "
            f"{regions} regions that don't count"
        )
        if name != "val":
            lines = balance_lines(records, config.data.balance, config.student.classes)
            print(*(f"{name}: {line}\n" for line in lines), sep="", end="")
    for problem in first_lines(images.problems):
        print(f"  {problem}")
    print(f"{config.steps} steps of {config.schedule.batch_size} images")
    return 0


def _print_teacher(config: DistillConfig) -> None:
    from distill.predict.open import load_teacher
    from distill.student.classes import classes_of_teacher

    teacher = load_teacher(config.teacher.weights, device="cpu")
    classes_of_teacher(config, teacher)
    weights = config.distill.weights().items()
    on = ", ".join(f"{name} {weight:g}" for name, weight in weights if weight)
    print(f"teacher: {teacher.name}, sha256 {teacher.sha256}; weights of its losses: {on}")
