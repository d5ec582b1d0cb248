"""`sfumato-distill labels`: look at a data set, hand it to other tools, take corrections back."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from distill.cli import arguments
from distill.cli.columns import print_columns
from distill.errors import OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distill.data.coco import CocoDataset

_EPILOG = """\
The master of a data set is COCO JSON with run-length masks; everything else is an export.

  sfumato-distill labels show DATASET/annotations.json
  sfumato-distill labels export DATASET/annotations.json --format cvat --out for-cvat
  sfumato-distill labels import corrected.zip --into DATASET
  sfumato-distill labels from-yolo coco128-seg/data.yaml --out coco128.json
"""

_EXPORT_EPILOG = """\
cvat          cvat.zip, to import into a project as "COCO 1.0"; masks are brush masks
label-studio  tasks.json with predictions, config.xml for the labelling interface, and images
yolo          Ultralytics' folders with data.yaml: polygons, so parts of an object and its holes are
              joined by thin bridges, and regions to ignore are left out; not for corrections, which
              would come back coarser

For cvat and label-studio, what is to be reviewed has the label "bottle (review)", what is to be
ignored "bottle (ignore)": rename to "bottle" what is one, delete what is none. Masks come back
exactly as they went. Images are copied, so that nothing which a tool does there touches yours.
"""

_IMPORT_EPILOG = """\
Reads what CVAT exports as "COCO 1.0" (zip or JSON) and Label Studio's export "JSON". An image is
found by its file name. In CVAT's export every image counts as looked at; in Label Studio's, tasks
that were submitted. Objects that a person changed replace the machine's of that image; all other
records stay to the letter, and the old master is kept as annotations.json.1, .2, ...
"""

_YOLO_EPILOG = """\
Images stay where they are. With several splits in data.yaml, say which one is meant, or all of
them go into one file. A line with a box instead of a polygon becomes a region to ignore.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `labels` and what stands below it."""
    labels = _parser(commands, "labels", "look at labels, export them, import corrections", _EPILOG)
    below = labels.add_subparsers(metavar="COMMAND", required=True)

    show = _parser(below, "show", "what a data set holds, and what is wrong with it")
    show.add_argument("data", type=Path, metavar="COCO.json")
    _add_images(show)
    show.set_defaults(run=_show)

    export = _parser(below, "export", "write a data set for another tool", _EXPORT_EPILOG)
    export.add_argument("data", type=Path, metavar="COCO.json")
    _add_images(export)
    export.add_argument("--format", choices=("yolo", "cvat", "label-studio"), required=True)
    export.add_argument("--out", type=Path, metavar="DIR", required=True, help="a new folder")
    export.set_defaults(run=_export)

    take = _parser(below, "import", "put corrections back into a data set", _IMPORT_EPILOG)
    take.add_argument("corrections", type=Path, metavar="CORRECTIONS", help="zip or JSON")
    take.add_argument(
        "--into", type=Path, metavar="DATASET", required=True, help="the folder, or its JSON"
    )
    take.set_defaults(run=_import)

    yolo = _parser(below, "from-yolo", "turn a YOLO-seg data set into COCO JSON", _YOLO_EPILOG)
    yolo.add_argument("data", type=Path, metavar="DATA.yaml|DIR")
    yolo.add_argument("--out", type=Path, metavar="COCO.json", required=True)
    yolo.add_argument("--split", choices=("train", "val", "test"), help="of a data.yaml (all)")
    yolo.add_argument(
        "--names",
        type=arguments.names_or_coco,
        default=(),
        metavar="A,B",
        help="the classes by their number, where no data.yaml says them; 'coco' for COCO's 80",
    )
    yolo.set_defaults(run=_from_yolo)


def _parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
    epilog: str | None = None,
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_images(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--images", type=Path, metavar="DIR", help="where the images are (beside the JSON)"
    )


def _show(args: argparse.Namespace) -> int:
    from distill.data.coco import CocoDataset
    from distill.data.labelled_size import size_problems

    dataset = CocoDataset.read(args.data, args.images)
    empty = sum(not record.annotations for record in dataset.images)
    print(f"{args.data}: {len(dataset.images)} images, {empty} of them without objects")
    objects = [a for record in dataset.images for a in record.annotations]
    counts = Counter((a.class_id, a.band or ("ignore" if a.ignore else "accept")) for a in objects)
    bands = ["accept", "ignore", "review"]
    rows = [
        [name, *(counts[number, band] for band in bands)]
        for number, name in enumerate(dataset.classes)
        if any(counts[number, band] for band in bands)
    ]
    print()
    print_columns([["class", *bands], *rows])
    if any(record.clip for record in dataset.images):
        _print_clips(dataset)
    tracks = {(r.clip, a.track_id) for r in dataset.images for a in r.annotations}
    count = sum(track_id is not None for _, track_id in tracks)
    if count:
        print(f"\n{count} tracks")
    _print_problems((*dataset.problems, *size_problems(dataset.images)), most=20)
    return 0


def _print_clips(dataset: CocoDataset) -> None:
    frames: Counter[str] = Counter()
    objects: Counter[str] = Counter()
    for record in dataset.images:
        clip = record.clip or "(none)"
        frames[clip] += 1
        objects[clip] += sum(not annotation.ignore for annotation in record.annotations)
    rows = [[clip, frames[clip], objects[clip]] for clip in sorted(frames)]
    print()
    print_columns([["clip", "images", "objects"], *rows])


def _print_problems(problems: Sequence[str], most: int = 5) -> None:
    for line in problems[:most]:
        print(line, file=sys.stderr)
    if len(problems) > most:
        print(f"... and {len(problems) - most} more", file=sys.stderr)


def _export(args: argparse.Namespace) -> int:
    from distill.data.coco import CocoDataset
    from distill.data.cvat import write_cvat
    from distill.data.label_studio import write_label_studio
    from distill.data.labelled_size import size_problems
    from distill.data.yolo import write_yolo

    dataset = CocoDataset.read(args.data, args.images)
    write = {"yolo": write_yolo, "cvat": write_cvat, "label-studio": write_label_studio}
    notes = write[args.format](dataset, args.data, args.out)
    _print_problems((*dataset.problems, *size_problems(dataset.images)))
    objects = sum(len(record.annotations) for record in dataset.images)
    print(f"wrote {len(dataset.images)} images and {objects} objects to {args.out}")
    for note in notes:
        print(note)
    return 0


def _import(args: argparse.Namespace) -> int:
    from distill.data.import_corrections import import_corrections

    master = args.into / "annotations.json" if args.into.is_dir() else args.into
    result = import_corrections(args.corrections, master)
    _print_problems(result.problems)
    if result.kept is None:
        print(f"{result.confirmed} images came back as they were; {master} is unchanged")
        return 0
    print(
        f"{result.corrected} images corrected ({result.objects} objects), "
        f"{result.confirmed} confirmed; the old master is {result.kept}"
    )
    return 0


def _from_yolo(args: argparse.Namespace) -> int:
    from distill.data.coco import write_coco
    from distill.data.yolo_reader import SPLITS, read_yolo

    if args.split and args.data.is_dir():
        raise UsageError("--split chooses among those of a data.yaml; name that file")
    if args.out.exists():
        raise OutputError(f"{args.out} is there already; name a new file")
    dataset = read_yolo(args.data, args.names, [args.split] if args.split else SPLITS)
    _print_problems(dataset.problems)
    write_coco(args.out, dataset.classes, dataset.images, {"description": "from YOLO labels"})
    objects = sum(len(record.annotations) for record in dataset.images)
    print(f"wrote {len(dataset.images)} images and {objects} objects to {args.out}")
    return 0
