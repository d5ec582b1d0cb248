"""`sfumato-distill evaluate`: how good a network is, or what a training has changed."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from distill.cli import arguments
from distill.errors import OutputError, UsageError
from distill.files import writing
from models.cores import usable_cores
from models.manifest import Role

if TYPE_CHECKING:
    from distill.data.coco import CocoDataset
    from distill.evaluate.metrics import Evaluation
    from distill.evaluate.results_file import Results
    from distill.evaluate.subject import Subject

_DESCRIPTION = """\
Measure networks on labelled images: average precision of masks and boxes as COCO counts it,
precision, recall and F1 at the working confidence, milliseconds an image, and what leaks. Regions
to ignore (iscrowd) count neither way. Classes are matched by name.

  pixel leak      share of the objects' pixels that would not be hidden
  instance leak   share of objects that would be covered less than 95 %
  over-redaction  share of the picture that would be hidden in vain

They are counted as the device covers one image: a bundle hides each class from its own threshold
on, anything else (or with --conf) from the working confidence on. No tracker helps; a video leaks
less, or elsewhere. All classes together are hidden at once, a class in its row by itself; what
covers an object of any class is not in vain. Masks of YOLO reach 10 % of a side beyond their boxes
there, as on the device, and only there: average precision and F1 are of masks that end at them.
"""

_EPILOG = """\
  sfumato-distill evaluate --model rtmdet-ins_l.safetensors --data DATASET/val.json --out report
  sfumato-distill evaluate --data val.json --model before.safetensors after.safetensors
  sfumato-distill evaluate --model student.pt small/model.uint8.onnx --data val.json --out report --sweep
  sfumato-distill evaluate --model street.sfm --allow-unsigned --classes person \\
          --data instances_val2017.json --images val2017
  sfumato-distill evaluate --model street.sfm --data val.json --out report --sweep
  sfumato-distill evaluate --model student.pt --data val.json --predictions found.json

Several networks give one table, a column each, and what changed from the first to the last.
DIR gets metrics.json, pr.png (precision over recall, F1 over confidence) and worst.png: the worst
images of the last network, with what was missed, what is not there, and which masks are off.

--predictions writes image_id, category_id (the ids of --data), bbox, score and segmentation of each
find; pycocotools' loadRes reads it.

--sweep adds sweep.png (what leaks over what is hidden in vain, a curve a class; of several
networks sweep-1.png, ...) and sweep.json (the same in figures). It proposes a threshold for each
class, where the pixels that show plus a tenth of those hidden in vain are fewest;
sfumato-distill pack --thresholds takes them from there, for each file its own: sweep the student
and what `quantize` made of it in one command.

Weights (.pth, .safetensors, .pt) run in PyTorch; an Ultralytics export (.onnx) and a bundle
(.sfm) run in the code that the device runs. Milliseconds count from image to instances, on all
cores, reading the file not counted.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `evaluate`."""
    parser = commands.add_parser(
        "evaluate",
        help="measure a network, or compare several",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_argument_group("what is measured")
    what.add_argument(
        "--model",
        nargs="+",
        action="extend",
        required=True,
        metavar="W",
        help="weights, an ONNX file or a bundle; several are compared",
    )
    what.add_argument(
        "--size",
        type=arguments.input_side,
        metavar="PX",
        help="weights: side of the input (what they are for)",
    )
    what.add_argument("--device", default="auto", help="weights: cpu, cuda, cuda:1, ... (auto)")
    what.add_argument(
        "--trust",
        type=Path,
        action="append",
        default=[],
        metavar="KEY.pub",
        help="bundles: a key that may have signed them; can be given several times",
    )
    what.add_argument(
        "--allow-unsigned", action="store_true", help="bundles: run one that nobody has signed"
    )
    what.add_argument(
        "--precision",
        choices=get_args(Role),
        help="bundles: this file of it (what suits this machine best)",
    )
    truth = parser.add_argument_group("on what")
    truth.add_argument("--data", type=Path, required=True, metavar="COCO.json", help="the truth")
    arguments.add_images_and_classes(truth)
    result = parser.add_argument_group("what comes out")
    result.add_argument(
        "--conf",
        type=arguments.number(0.01, 1),
        help="the working confidence, 0.01 to 1 (0.25; what leaks of a bundle: its own thresholds)",
    )
    result.add_argument(
        "--margin",
        type=arguments.number(0, 0.5),
        default=0.0,
        metavar="SHARE",
        help="what leaks: covers grow by this share of the object's longer side, up to 0.5 "
        "(0, as sfumato blur has it)",
    )
    result.add_argument(
        "--sweep", action="store_true", help="try all thresholds, propose some (--out)"
    )
    result.add_argument(
        "--predictions",
        type=Path,
        metavar="FILE.json",
        help="write all that the network finds, from score 0.01 on, as COCO's results",
    )
    result.add_argument("--out", type=Path, metavar="DIR", help="write figures and pictures there")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from distill.data.coco import CocoDataset, category_ids, read_coco_json
    from distill.data.json_file import write_json_list
    from distill.evaluate.report import table
    from distill.evaluate.results_file import Results

    if args.sweep and not args.out:
        raise UsageError("--sweep writes into --out DIR; name it")
    if args.predictions and len(args.model) > 1:
        raise UsageError("--predictions are those of one network; name one --model")
    if args.predictions and args.predictions.exists():
        raise OutputError(f"{args.predictions} is there already; name a new file")
    if args.out:
        with writing(args.out):
            args.out.mkdir(parents=True, exist_ok=True)
    dataset = CocoDataset.read(args.data, args.images, args.classes)
    for line in dataset.problem_lines():
        print(line, file=sys.stderr)
    asked = []
    for path in args.model:
        subject = _subject(path, args)
        # Before minutes are spent on the first, the last must be usable, too.
        asked.append((subject, subject.seeing(dataset.classes)))
    results = None
    if args.predictions:
        results = Results(category_ids(read_coco_json(args.data), dataset.classes))
    evaluations = [
        _evaluate(subject, predict, dataset, args, results) for subject, predict in asked
    ]
    subjects = [subject for subject, _ in asked]
    objects = sum(evaluations[0].objects)
    print(f"{args.data}: {evaluations[0].images} images, {objects} objects")
    print(table([subject.name for subject in subjects], evaluations))
    if results:
        write_json_list(args.predictions, results.rows)
        print(f"wrote {len(results.rows)} predictions to {args.predictions}")
    if args.out:
        _write(args, subjects, evaluations)
    if args.sweep:
        _sweep(args, dataset.classes, subjects, evaluations)
    return 0


def _subject(path: str, args: argparse.Namespace) -> Subject:
    from distill.evaluate import subject

    suffix = Path(path).suffix.lower()
    if suffix == ".onnx":
        return subject.subject_of_onnx(Path(path), usable_cores())
    if suffix != ".sfm":
        return subject.subject_of_weights(path, args.size, args.device)
    from models.bundle import Bundle

    trusted = []
    if args.trust:
        from models.signing import load_public

        trusted = [load_public(key) for key in args.trust]
    bundle = Bundle.open(  # to measure one is not to install it
        Path(path), trusted, allow_unsigned=args.allow_unsigned, allow_expired=True
    )
    return subject.subject_of_bundle(bundle.manifest.name, bundle, usable_cores(), args.precision)


def _evaluate(
    subject: Subject,
    predict: Any,
    dataset: CocoDataset,
    args: argparse.Namespace,
    results: Results | None,
) -> Evaluation:
    from distill.evaluate.evaluator import CONFIDENCE, evaluate
    from distill.progress import progress

    chosen = args.conf is not None
    found = evaluate(
        predict,
        dataset,
        conf=args.conf if chosen else CONFIDENCE,
        thresholds={} if chosen else subject.thresholds,
        margin=args.margin,
        progress=partial(progress, desc=subject.name),
        hear=results.add if results else None,
    )
    for line in found.problems[:5]:
        print(f"left out: {line}", file=sys.stderr)
    return found


def _write(
    args: argparse.Namespace, subjects: list[Subject], evaluations: list[Evaluation]
) -> None:
    from distill.data.json_file import write_json
    from distill.evaluate.curves import draw_curves
    from distill.evaluate.worst_images import draw_worst

    names = [subject.name for subject in subjects]
    models = [
        {"name": subject.name, "sha256": subject.sha256, **evaluation.to_json()}
        for subject, evaluation in zip(subjects, evaluations, strict=True)
    ]
    write_json(args.out / "metrics.json", {"data": str(args.data)}, {"models": models})
    draw_worst(args.out / "worst.png", names[-1], evaluations[-1])
    if len(names) > 1:  # as the table numbers them
        names = [f"({number}) {name}" for number, name in enumerate(names, start=1)]
    draw_curves(args.out / "pr.png", names, evaluations)
    print(f"\nwrote {args.out}/metrics.json, pr.png and worst.png")


def _sweep(
    args: argparse.Namespace,
    classes: tuple[str, ...],
    subjects: list[Subject],
    evaluations: list[Evaluation],
) -> None:
    from distill.data.json_file import write_json
    from distill.evaluate.report import proposals
    from distill.evaluate.sweep import sweep
    from distill.evaluate.sweep_plot import draw_sweep

    several, networks, drawn = len(subjects) > 1, [], []
    for number, (subject, evaluation) in enumerate(
        zip(subjects, evaluations, strict=True), start=1
    ):
        found = sweep(classes, evaluation.leaks)
        print(f"\n{f'({number}) {subject.name}: ' * several}{proposals(found, evaluation.leaks)}")
        networks.append({"model": subject.name, "sha256": subject.sha256, **found.to_json()})
        drawn.append(f"sweep-{number}.png" if several else "sweep.png")
        draw_sweep(args.out / drawn[-1], found, evaluation.leaks)
    head = {"data": str(args.data), "margin": args.margin}
    write_json(args.out / "sweep.json", head, {"networks": networks})
    print(f"wrote {args.out}/sweep.json and {', '.join(drawn)}")
