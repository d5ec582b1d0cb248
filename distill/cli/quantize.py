"""`sfumato-distill quantize`: a student in 8 bits, judged by what it shows and hides."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from distill.cli import arguments
from distill.files import writing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from distill.data.coco import CocoDataset
    from distill.quantize.camera_frames import Frames
    from distill.quantize.judge import Judge
    from models.manifest import Role

_DESCRIPTION = """\
Make a student small and fast: its network in 8 bits, for ONNX Runtime on a CPU (model.uint8.onnx:
a third of the bytes, 1.5 to 1.8 times as fast where the CPU has VNNI) and for TensorRT
(model.int8.onnx), and computed in 16 bits (model.fp16.onnx, for TensorRT). No training, no labels:
200 frames of --calibration say which values occur, 300 others judge. A file is only written if it
sees what FP32 sees:

  agreement      F1 of its answers with FP32's                      0.86 or more   (fp16: 0.99)
  score_shift    mean change of scores                              0.015 or less  (fp16: 0.002)
  mask_iou       mean overlap of their masks                        0.94 or more   (fp16: 0.998)
  mask_map_loss  with --data: lost mask mAP, points                 1.0 or less    (int8: 1.5)
  f1_loss        with --data: lost F1, points                       1.0 or less
"""

_EPILOG = """\
example:
  sfumato-distill quantize student.pt --calibration camera/ --data val.json --out small
  sfumato-distill evaluate --model student.pt small/model.uint8.onnx --data val.json \\
          --out report --sweep
  sfumato-distill pack student.pt --precision fp32,int8 --target cpu --quantized small \\
          --thresholds report/sweep.json ...

Take frames from the cameras that the network will run on, day and night: folders of images, clips,
or both. What calibrates never judges; images of --data, and copies of them, don't calibrate.

DIR gets the files that passed, table.md (figures with 95 % intervals), quantize.json (the same for
`pack`) and ranges-*.npz (what calibration saw: the same command goes on from there after a kill).
Frames of one clip resemble each other: their intervals are narrower than the truth.

Where a bound fails, that file is not written and the exit code is 5. --bounds states others:
  --bounds agreement=0.8             for every file
  --bounds int8.mask_map_loss=2,uint8.agreement=0.9
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `quantize`."""
    parser = commands.add_parser(
        "quantize",
        help="make a student small and fast: 8 bits, judged beside FP32",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "student", type=Path, metavar="STUDENT", help=".pt (Ultralytics), .safetensors or .pth"
    )
    parser.add_argument(
        "--calibration",
        nargs="+",
        action="extend",
        type=Path,
        required=True,
        metavar="FRAMES",
        help="folders of images or clips, images, clips",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to fill")
    parser.add_argument(
        "--size",
        type=arguments.input_size,
        action="append",
        default=[],
        metavar="WxH",
        help="input (px), can be given several times, as for pack (its sizes)",
    )
    parser.add_argument(
        "--ranges",
        choices=("percentile", "minmax", "mse"),
        default="percentile",
        help="which values 8 bits reach: all but the rarest, all, least error (percentile)",
    )
    truth = parser.add_argument_group("labelled images")
    truth.add_argument("--data", type=Path, metavar="COCO.json", help="mAP, F1 and leak are judged")
    arguments.add_images_and_classes(truth)
    verdict = parser.add_argument_group("the verdict")
    verdict.add_argument(
        "--bounds",
        type=arguments.named_numbers,
        default={},
        metavar="NAME=VALUE,…",
        help="demand this instead",
    )
    verdict.add_argument(
        "--sensitivity",
        action="store_true",
        help="say which part of the network loses most, too (under two minutes for a nano network)",
    )
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from distill.quantize.bounds import check_names

    check_names(args.bounds)
    from distill.data.coco import CocoDataset
    from distill.lock import Lock
    from distill.quantize.camera_frames import sources, split

    dataset = CocoDataset.read(args.data, args.images, args.classes) if args.data else None
    apart = [record.path for record in dataset.images] if dataset else []
    tune, judged = split(sources(args.calibration), apart)
    with writing(args.out):
        args.out.mkdir(parents=True, exist_ok=True)
        lock = Lock(args.out)
    try:
        return _quantize(args, dataset, tune, judged)
    finally:
        lock.close()


def _quantize(
    args: argparse.Namespace, dataset: CocoDataset | None, tune: Frames, judged: Frames
) -> int:
    from distill.cli.quantize_summary import Passes, part_rows, report, warn
    from distill.evaluate.evaluator import CONFIDENCE
    from distill.pack.exported import exported
    from distill.quantize.calibration import CalibrationBatches, kept_histograms
    from distill.quantize.heads import heads_of
    from distill.quantize.judge import Judge
    from distill.quantize.made_files import made_files
    from distill.quantize.quantize_record import QuantizeRecord
    from distill.quantize.verdict import refusal, verdicts, write_passed
    from models.errors import ModelError
    from models.importing import import_onnx

    _say(f"exporting {args.student.name}")
    student = exported(args.student, args.size)
    index_of = _index_of(args.student.stem, student.classes, dataset)
    model = student.model
    manifest, _ = import_onnx(model, "quantised")
    heads = heads_of(manifest)
    batches = CalibrationBatches(tune, manifest.inputs())
    with Passes("calibrating") as passes:
        histograms = kept_histograms(model, batches, args.out, passes.told)
    warn(tune.problems)
    ranges = histograms.ranges(args.ranges)
    files: dict[Role, bytes] = {"fp32": model}
    for role, made in made_files(model, ranges, batches, heads["class"]):
        files[role] = made
        _say(f"made {role}: {len(made) / 1e6:.1f} MB")
    judge = Judge(dict[str, bytes](files.items()), manifest, CONFIDENCE)
    _look(judge, judged, dataset, index_of)
    checks = _checks(len(student.sizes))
    records = verdicts(files, judge.seen, CONFIDENCE, args.bounds, checks)
    there = write_passed(args.out, files, records)
    record = QuantizeRecord(
        student=args.student.stem,
        student_sha256=student.sha256,
        sizes=student.sizes,
        ranges=args.ranges,
        confidence=CONFIDENCE,
        calibration_frames=len(tune),
        judged_frames=len(judge.seen["fp32"].agreement),
        judged_at={f"{w}x{h}": count for (w, h), count in judge.judged_at.items()},
        labelled_images=len(judge.seen["fp32"].labelled),
        precisions=records,
    )
    record.write(args.out)
    parts = (
        part_rows(CONFIDENCE, model, ranges, heads, manifest, judged) if args.sensitivity else []
    )
    report(args.out, record, parts, there)
    if refused := refusal(args.out, records):
        raise ModelError(refused)
    return 0


def _look(
    judge: Judge, judged: Frames, dataset: CocoDataset | None, index_of: Mapping[int, int]
) -> None:
    """Have all files look at all pictures."""
    from distill.cli.quantize_summary import warn
    from distill.progress import progress

    judge.look_at_frames(progress(judged, "comparing answers"))
    warn(judged.problems)
    if dataset:
        bar = partial(progress, desc="measuring on labels")
        warn(judge.look_at_labelled(dataset, index_of, bar))


def _index_of(name: str, classes: Sequence[str], dataset: CocoDataset | None) -> Mapping[int, int]:
    """The data set's class ids by the student's."""
    from distill.cli.quantize_summary import warn
    from distill.evaluate.subject import class_index

    if dataset is None:
        return {}
    warn(dataset.problem_lines())
    return class_index(name, dict(enumerate(classes)), dataset.classes)


def _checks(sizes: int) -> dict[Role, Callable[[bytes], None]]:
    """What a file that TensorRT reads has to stand."""
    from distill.pack.tensorrt_rules import check_tensorrt

    check = partial(check_tensorrt, varying=(2, 3) if sizes > 1 else ())
    return {"fp16": check, "int8": check}


def _say(line: str) -> None:
    print(line, file=sys.stderr)
