"""`sfumato-distill label`: a teacher labels clips and images."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from distill.cli import arguments
from distill.cli.label_summary import print_summary
from distill.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distill.label.settings import Settings
    from distill.predict.predictor import Predictor

_DESCRIPTION = """\
Label clips, or images, with a teacher. Frames worth a label are chosen, the teacher says what is in them,
objects are followed from frame to frame, and every label gets one of three bands:

  accept   score of --accept or more, in a track of --min-track frames or more: a positive
  review   score between --ignore and --accept, or a gap in a track that was filled, or a box of
           which the teacher can't say where in it the object is
  ignore   score below --ignore, or in no track that is long enough, or where an object that was
           lost for up to three times --max-gap frames probably was

An image that belongs to no clip has its score alone: accept, review or ignore, whatever --min-track.
In a folder that holds videos, images are left out.

IS-Net says only what stands out from its background. Alone it is for clips that show one kind of
thing; parts that don't touch are objects of their own. With --boxes another teacher says what is
where, and IS-Net draws it; where the two don't agree, the other's mask stays, at half its score. A
look at a frame or a box takes seconds on a CPU.

Masks and boxes are the teacher's own, without the growth that the device hides them with (YOLO's
end at their boxes). What is in review or ignore is marked iscrowd: neither positive nor
negative in training.
"""

_EPILOG = """\
what is in DATASET afterwards:
  annotations.json       all images, COCO with RLE masks, scores, bands and track ids
  train.json, val.json   the same, split by clip; from one clip there is no val.json, and
                         `labels split` cuts it in two
  review.json            images with labels to review, worst first, for `labels export`
  images/CLIP/FRAME.jpg, images/stills/NAME.jpg
  sheets/CLIP-001.png    200 frames a page, to judge at a glance: look at them first
  labels.jsonl           what is finished; the same command goes on after a kill, more clips
                         extend the data set, and where nothing is new nothing is changed

A clip that is damaged is used as far as it can be decoded, an interlaced one is deinterlaced. One
that can't be decoded at all is named, skipped and left; the exit code is 0 as long as one could be
used, 3 if none could.

examples:
  sfumato-distill label videos --teacher rtmdet-ins_l.safetensors --classes bottle --out bottles
  sfumato-distill label dogs.mp4 --teacher isnet.onnx --classes dog --out dogs
  sfumato-distill label videos --teacher isnet.onnx --boxes yolo26n-seg.pt --classes dog --out dogs
  sfumato-distill labels export bottles/review.json --format cvat --out for-cvat
"""


_MAX_COUNT = 10**6
"""Of frames, wherever they are counted in: more than anybody means."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `label`."""
    parser = commands.add_parser(
        "label",
        help="label clips and images with a teacher",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "clips",
        nargs="+",
        type=Path,
        metavar="CLIPS",
        help="videos or images, and folders of either",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DATASET", help="folder to fill, or to go on in"
    )
    teacher = parser.add_argument_group("teacher")
    teacher.add_argument(
        "--teacher",
        required=True,
        metavar="W",
        help="weights: .safetensors, .pth or .pt; or IS-Net's .onnx, which knows no classes: "
        "what stands out is the one that --classes names",
    )
    teacher.add_argument(
        "--boxes",
        metavar="W",
        help="with IS-Net: another teacher's weights, which say what is where; masks are IS-Net's",
    )
    teacher.add_argument(
        "--classes",
        type=arguments.names,
        required=True,
        metavar="NAME,…",
        help="of the teacher's classes, what to label",
    )
    teacher.add_argument(
        "--tta",
        choices=("none", "flip"),
        default="none",
        help="flip: look at the mirror image too, for twice the time (default none)",
    )
    teacher.add_argument(
        "--size",
        type=arguments.input_side,
        metavar="PX",
        help="side of the teacher's input (default: the one it is meant for)",
    )
    teacher.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="(default auto)"
    )
    frames = parser.add_argument_group("frames")
    frames.add_argument(
        "--every",
        type=arguments.whole_number(1, _MAX_COUNT),
        default=2,
        metavar="N",
        help="take every Nth frame (default 2); near-duplicates and blurred ones are left out",
    )
    labels = parser.add_argument_group("labels")
    labels.add_argument(
        "--accept",
        type=arguments.number(0, 1),
        default=0.5,
        metavar="S",
        help="believed from here (default 0.5)",
    )
    labels.add_argument(
        "--ignore",
        type=arguments.number(0, 1),
        default=0.3,
        metavar="S",
        help="ignored below (default 0.3)",
    )
    labels.add_argument(
        "--min-track",
        type=arguments.whole_number(1, _MAX_COUNT),
        default=3,
        metavar="N",
        help="frames that a track needs; near-duplicates count (default 3)",
    )
    labels.add_argument(
        "--max-gap",
        type=arguments.whole_number(0, _MAX_COUNT),
        default=2,
        metavar="N",
        help="labelled frames in a row that a track may miss; they are filled (default 2)",
    )
    labels.add_argument(
        "--val-share",
        type=arguments.number(0, 1),
        default=0.2,
        metavar="S",
        help="of the clips, and of the still images, held out for validation (default 0.2)",
    )
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    if args.ignore > args.accept:
        raise UsageError(f"--ignore {args.ignore} is above --accept {args.accept}; lower it")
    paths = _files(args.clips, args.out)
    from distill.label.settings import Settings
    from distill.predict.open import load_labelling_teacher

    teacher = load_labelling_teacher(
        args.teacher, args.classes, boxes=args.boxes, image_size=args.size, device=args.device
    )
    _check_classes(args.classes, teacher)
    settings = Settings(
        teacher.name,
        teacher.sha256,
        tuple(dict.fromkeys(args.classes)),
        every=args.every,
        tta=args.tta,
        accept=args.accept,
        ignore=args.ignore,
        min_track=args.min_track,
        max_gap=args.max_gap,
        val_share=args.val_share,
        image_size=args.size,
    )
    return label(paths, teacher, settings, args.out)


def label(paths: Sequence[Path], teacher: Predictor, settings: Settings, folder: Path) -> int:
    """Label clips into a folder; the exit code."""
    from distill.label.annotations import labelled_clips, write_dataset
    from distill.label.labeller import label_clips
    from distill.label.progress_log import ProgressLog
    from distill.label.sheet import write_sheets

    with ProgressLog(folder, settings) as log:
        result = label_clips(paths, teacher, settings, log)
        clips = []
        if log.order and log.master() in {"none", "old"}:
            clips = labelled_clips(log, settings)
        if clips:
            write_sheets(folder, clips, settings)
            write_dataset(log, settings, clips)
            print_summary(clips, settings, folder)
        for sha256, entry in log.clips.items():
            if entry.moments is None and sha256 not in {*result.clips, *log.failed}:
                result.notes.append(
                    f"{entry.file}: was begun, but is not finished; name it again to go on"
                )
    for note in result.notes:
        print(f"warning: {note}", file=sys.stderr)
    if not result.clips:
        raise InputError("nothing of what was named could be used; nothing was labelled")
    if not clips:
        print(f"nothing is new; {folder} is as it was")
    return 0


def _files(paths: Sequence[Path], out: Path) -> list[Path]:
    """Files as they were named, and what is in the folders: videos, or images where there are none.

    What lies in the data set itself is not meant.
    """
    from distill.data.clips import SUFFIXES as CLIPS
    from distill.data.files_below import files_below
    from distill.data.images import SUFFIXES as IMAGES
    from distill.data.images import is_still

    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        own = out.resolve()
        below = [
            file for file in files_below(path, CLIPS | IMAGES) if own not in file.resolve().parents
        ]
        videos = [file for file in below if not is_still(file)]
        if videos and len(videos) < len(below):
            print(
                f"left out: {len(below) - len(videos)} images in {path}, where there are videos; "
                "name them, or a folder of images alone, to label them, too",
                file=sys.stderr,
            )
        if not below:
            raise InputError(f"{path} is a folder without videos or images; name others")
        found += videos or below
    return found


def _check_classes(names: Sequence[str], teacher: Predictor) -> None:
    from models.classes import nearest

    for name in names:
        if name not in teacher.classes:
            close = nearest(name, teacher.classes)
            some = ", ".join(teacher.classes[:8]) + (" ..." if len(teacher.classes) > 8 else "")
            hint = f"did you mean '{close}'?" if close else f"it knows {some}"
            raise UsageError(f"the teacher {teacher.name} has no class '{name}'; {hint}")
