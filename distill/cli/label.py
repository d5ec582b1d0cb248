"""`sfumato-distill label`: a teacher labels clips."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from distill.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distill.label.annotations import LabelledClip
    from distill.label.settings import Settings
    from distill.predict.predictor import Predictor

_DESCRIPTION = """\
Label clips with a teacher. Frames worth a label are chosen, the teacher says what is in them,
objects are followed from frame to frame, and every label gets one of three bands:

  accept   score of --accept or more, in a track of --min-track frames or more: a positive
  review   score between --ignore and --accept, or a gap in a track that was filled
  ignore   score below --ignore, or in no track that is long enough, or where an object that was
           lost for up to three times --max-gap frames probably was

What is in review or ignore is marked iscrowd: neither positive nor negative in training.
"""

_EPILOG = """\
what is in DATASET afterwards:
  annotations.json       all images, COCO with RLE masks, scores, bands and track ids
  train.json, val.json   the same, split by clip; from one clip there is no val.json
  review.json            images with labels to review, worst first, for `labels export`
  images/CLIP/FRAME.jpg
  sheets/CLIP-001.png    200 frames a page, to judge at a glance: look at them first
  labels.jsonl           what is finished; the same command goes on after a kill, more clips
                         extend the data set, and where nothing is new nothing is changed

A clip that is damaged is used as far as it can be decoded. One that can't be decoded at all, or
is interlaced, is named, skipped and left; the exit code is 0 as long as one could be used, 3 if
none could.

examples:
  sfumato-distill label videos --teacher rtmdet-ins_l.safetensors --classes bottle --out bottles
  sfumato-distill labels export bottles/review.json --format cvat --out for-cvat
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `label`."""
    parser = commands.add_parser(
        "label",
        help="label clips with a teacher",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "clips", nargs="+", type=Path, metavar="CLIPS", help="videos, and folders of them"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DATASET", help="folder to fill, or to go on in"
    )
    teacher = parser.add_argument_group("teacher")
    teacher.add_argument(
        "--teacher", required=True, metavar="W", help="weights: .safetensors, .pth or .pt"
    )
    teacher.add_argument(
        "--classes",
        type=_names,
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
        type=_positive,
        metavar="PX",
        help="side of the teacher's input (default: the one it is meant for)",
    )
    teacher.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="(default auto)"
    )
    frames = parser.add_argument_group("frames")
    frames.add_argument(
        "--every",
        type=_positive,
        default=2,
        metavar="N",
        help="take every Nth frame (default 2); near-duplicates and blurred ones are left out",
    )
    labels = parser.add_argument_group("labels")
    labels.add_argument(
        "--accept", type=_share, default=0.5, metavar="S", help="believed from here (default 0.5)"
    )
    labels.add_argument(
        "--ignore", type=_share, default=0.3, metavar="S", help="ignored below (default 0.3)"
    )
    labels.add_argument(
        "--min-track",
        type=_positive,
        default=3,
        metavar="N",
        help="frames that a track needs; near-duplicates count (default 3)",
    )
    labels.add_argument(
        "--max-gap",
        type=_natural,
        default=2,
        metavar="N",
        help="labelled frames in a row that a track may miss; they are filled (default 2)",
    )
    labels.add_argument(
        "--val-share",
        type=_share,
        default=0.2,
        metavar="S",
        help="of the clips, held out for validation (default 0.2)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Label, write, and say what was done."""
    if args.ignore > args.accept:
        raise UsageError(f"--ignore {args.ignore} is above --accept {args.accept}; lower it")
    paths = _clips(args.clips)
    from distill.label.settings import Settings
    from distill.predict.open import load_teacher

    teacher = load_teacher(args.teacher, image_size=args.size, device=args.device)
    _check_classes(args.classes, teacher)
    settings = Settings(
        teacher.name,
        teacher.sha256,
        args.classes,
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
    from distill.label.journal import Journal
    from distill.label.labeller import label_clips
    from distill.label.sheet import write_sheets

    with Journal(folder, settings) as journal:
        outcome = label_clips(paths, teacher, settings, journal)
        clips = []
        if journal.clips and journal.master() in {"none", "old"}:
            clips = labelled_clips(journal, settings)
        if clips:
            write_sheets(folder, clips, settings)
            write_dataset(journal, settings, clips)
            _say(clips, settings, folder)
        for sha256, entry in journal.clips.items():
            if entry.moments is None and sha256 not in {*outcome.clips, *journal.failed}:
                outcome.notes.append(
                    f"{entry.file}: was begun, but is not finished; name it again to go on"
                )
    for note in outcome.notes:
        print(f"warning: {note}", file=sys.stderr)
    if not outcome.clips:
        raise InputError("none of the clips could be used; nothing was labelled")
    if not clips:
        print(f"nothing is new; {folder} is as it was")
    return 0


def _clips(paths: Sequence[Path]) -> list[Path]:
    """Files as they were named, and what is in the folders."""
    from distill.data.clips import SUFFIXES

    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        below = sorted(
            file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file()
        )
        if not below:
            raise InputError(f"{path} is a folder without videos; name others")
        found += below
    return found


def _check_classes(names: Sequence[str], teacher: Predictor) -> None:
    from models.classes import nearest

    for name in names:
        if name not in teacher.classes:
            close = nearest(name, teacher.classes)
            some = ", ".join(teacher.classes[:8]) + (" ..." if len(teacher.classes) > 8 else "")
            hint = f"did you mean '{close}'?" if close else f"it knows {some}"
            raise UsageError(f"the teacher {teacher.name} has no class '{name}'; {hint}")


def _say(clips: Sequence[LabelledClip], settings: Settings, folder: Path) -> None:
    """A table of the clips, and where to look."""
    from distill.label.bands import BANDS

    rows = []
    for clip in clips:
        bands = Counter(one.band for image in clip.images for one in image.annotations)
        tracks = {one.track_id for image in clip.images for one in image.annotations} - {None}
        dropped = clip.entry.dropped
        rows.append(
            [
                clip.entry.name,
                clip.entry.seen,
                len(clip.images),
                dropped.get("near-duplicate", 0),
                dropped.get("blurred", 0),
                dropped.get("damaged", 0),
                len(tracks),
                *(bands[band] for band in BANDS),
            ]
        )
    head = ["clip", "frames", "labelled", "same", "blurred", "damaged", "tracks", *BANDS]
    total = ["all", *(sum(row[i] for row in rows) for i in range(1, len(head)))]
    _print_table([head, *([str(cell) for cell in row] for row in [*rows, total])])
    print()
    print(f"labels: {folder / 'annotations.json'}")
    print(f"next: look at every page in {folder / 'sheets'}")
    review = folder / "review.json"
    if review.exists():
        print(
            "then: correct what is doubtful, which counts neither way until you do: "
            f"sfumato-distill labels export {shlex.quote(str(review))} --format cvat --out for-cvat"
        )
    if len(clips) == 1 and settings.val_share:
        print("no val.json: there is one clip, and frames of one must not be in both parts")


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    """Words to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        print("  ".join([row[0].ljust(widths[0]), *cells]))


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if not all(names):
        raise argparse.ArgumentTypeError(f"an empty name in '{text}'")
    return names


def _natural(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 10**6:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 0 to 1000000")
    return int(text)


def _positive(text: str) -> int:
    number = _natural(text)
    if not number:
        raise argparse.ArgumentTypeError("it must be 1 or more")
    return number


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 0 to 1")
    return share
