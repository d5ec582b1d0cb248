"""`sfumato-distill ladder`: what each part of a distillation is worth."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill.cli import arguments

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from distill.ablation.arms import Arm
    from distill.data.coco import CocoDataset
    from distill.evaluate.metrics import Evaluation

_DESCRIPTION = """\
Train a student several times, each time with one thing more to learn from, and say what each is
worth: labels only (gt), + pseudo-labels (pseudo: the control), + features (feature), + class maps
and boxes (class-box), + masks (mask: the whole of CONFIG). Everything else is equal: start, steps,
images shown, augmentation. With several seeds the report says whether the teacher beats the
control by more than seeds differ, and says so too where it does not.
"""

_EPILOG = """\
  sfumato-distill ladder configs/distill-bottle.yaml --out ladder --seeds 3
  sfumato-distill ladder configs/distill-bottle.yaml --out ladder --rungs pseudo,mask

DIR gets a folder for each rung and seed, ladder.md, ladder.json and ladder.png. The same command goes on
after a stop or a kill; more seeds or rungs only train what is missing. A ladder of five rungs and
three seeds is fifteen trainings.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `ladder`."""
    parser = commands.add_parser(
        "ladder",
        help="what each part of a distillation is worth",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", type=Path, metavar="CONFIG", help="settings, a YAML file")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to fill")
    parser.add_argument(
        "--seeds", type=arguments.whole_number(1, 100), default=1, metavar="K", help="default 1"
    )
    parser.add_argument(
        "--rungs",
        default="gt,pseudo,feature,class-box,mask",
        metavar="NAME,…",
        help="default: %(default)s",
    )
    parser.add_argument(
        "--test", type=Path, metavar="COCO.json", help="measured on (default: CONFIG's data.val)"
    )
    parser.add_argument(
        "--device", default="auto", metavar="D", help="auto, cpu, cuda, or 0,1 (default: auto)"
    )
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from distill.ablation.ablation import run_ablation
    from distill.ablation.arms import arms_named
    from distill.ablation.plot import draw_ablation
    from distill.ablation.summary import markdown, to_json
    from distill.errors import UsageError
    from distill.files import sha256_of, writing
    from distill.finetune.recorder import first_lines
    from distill.finetune.sources import check_apart, check_shows
    from distill.student.config import read_config
    from distill.student.run import train_student
    from distill.student.training_images import read_images
    from models.whole_file import whole_file

    config = read_config(args.config)
    arms = arms_named(args.rungs)
    images = read_images(config)
    dataset = _test_set(args.test, config.student.classes) if args.test else images.val
    check_apart((*images.labelled, *images.pseudo), dataset.images)
    tested = args.test or config.data.val.annotations
    check_shows(tested, dataset)
    device = "auto" if args.device.replace(",", "").isdigit() else args.device

    def measure(weights: Path, names: dict[str, str] | None = None) -> dict[str, Any]:
        from distill.evaluate import evaluate
        from distill.evaluate.subject import subject_of_weights

        subject = subject_of_weights(str(weights), None, device)
        theirs = [(names or {}).get(name, name) for name in config.student.classes]
        found = evaluate(subject.seeing(theirs), dataset)
        for problem in first_lines(found.problems):
            print(problem, file=sys.stderr)
        return {"sha256": subject.sha256, **_figures(found)}

    weights = config.teacher.weights
    teacher = {"name": weights.stem, **measure(weights, config.teacher.names)}
    if not teacher["mask_map"]:
        raise UsageError(f"{weights} finds nothing in {tested}; take a teacher that does")
    out = args.out.absolute()
    results = run_ablation(
        config,
        arms,
        args.seeds,
        out,
        lambda run: train_student(run, args.device),
        measure,
        sha256_of(tested),
        _announced,
    )
    test = f"{len(dataset.images)} images of {tested}"
    report = markdown(config, results, teacher, test)
    content = json.dumps(to_json(config, results, teacher, test), indent=1)
    for name, text in (("ladder.md", report), ("ladder.json", content)):
        with writing(out / name), whole_file(out / name) as file:
            file.write(text.encode())
    draw_ablation(out / "ladder.png", results, teacher["mask_map"])
    print(report, end="")
    print(f"look at {out / 'ladder.png'}")
    return 0


def _test_set(path: Path, classes: Sequence[str]) -> CocoDataset:
    from dataclasses import replace

    from distill.data.coco import CocoDataset

    return replace(CocoDataset.read(path, None, classes), classes=tuple(classes))


def _figures(found: Evaluation) -> dict[str, float]:
    mask = found.mask  # None of a network that gives no masks
    return {
        "mask_map": mask.ap if mask else 0.0,
        "mask_map50": mask.ap50 if mask else 0.0,
        "box_map": found.box.ap,
        "f1": found.working.f1,
        "pixel_leak": found.leaks.together.pixel_leak,
    }


def _announced(runs: Sequence[tuple[Arm, int]]) -> Iterable[tuple[Arm, int]]:
    for number, (arm, seed) in enumerate(runs, start=1):
        print(f"run {number} of {len(runs)}: {arm.name}, seed {seed}", file=sys.stderr)
        yield arm, seed
