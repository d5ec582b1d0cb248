"""`sfumato-distill labels`: look at a data set, hand it to other tools and back, cut and join."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from distill.cli import arguments, label_sets
from distill.cli.columns import print_columns
from distill.cli.problems import print_problems
from distill.errors import InputError, OutputError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from distill.data.coco import CocoDataset
    from distill.data.record import ImageRecord

_EPILOG = """\
The master of a data set is COCO JSON with run-length masks; everything else is an export.

  sfumato-distill labels show DATASET/annotations.json
  sfumato-distill labels export DATASET/annotations.json --format cvat --out for-cvat
  sfumato-distill labels import corrected.zip --into DATASET
  sfumato-distill labels from-yolo coco128-seg/data.yaml --out coco128.json
  sfumato-distill labels merge bottles/annotations.json coco128.json --out all.json
  sfumato-distill labels split all.json
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

What can't be read does not become background: a rectangle, or a damaged mask with a box, becomes a
region that does not count, and an image that holds anything else of the kind is left as it was.
"""

_YOLO_EPILOG = """\
Images stay where they are. With several splits in data.yaml, say which one is meant, or all of
them go into one file. A line with a box instead of a polygon becomes a region to ignore.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `labels` and what stands below it."""
    labels = arguments.command(
        commands, "labels", "look at labels, export, correct, split, merge them", _EPILOG
    )
    below = labels.add_subparsers(metavar="COMMAND", required=True)

    show = arguments.command(below, "show", "what a data set holds, and what is wrong with it")
    show.add_argument("data", type=Path, metavar="COCO.json")
    arguments.add_images(show)
    show.set_defaults(run=_show)

    export = arguments.command(below, "export", "write a data set for another tool", _EXPORT_EPILOG)
    export.add_argument("data", type=Path, metavar="COCO.json")
    arguments.add_images(export)
    export.add_argument("--format", choices=("yolo", "cvat", "label-studio"), required=True)
    export.add_argument("--out", type=Path, metavar="DIR", required=True, help="a new folder")
    export.set_defaults(run=_export)

    take = arguments.command(
        below, "import", "put corrections back into a data set", _IMPORT_EPILOG
    )
    take.add_argument("corrections", type=Path, metavar="CORRECTIONS", help="zip or JSON")
    take.add_argument(
        "--into", type=Path, metavar="DATASET", required=True, help="the folder, or its JSON"
    )
    take.set_defaults(run=_import)

    yolo = arguments.command(
        below, "from-yolo", "turn a YOLO-seg data set into COCO JSON", _YOLO_EPILOG
    )
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
    label_sets.add_parsers(below)


def _show(args: argparse.Namespace) -> int:
    from distill.data.coco import CocoDataset
    from distill.data.labelled_size import as_labelled

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
    print_problems((*dataset.problems, *as_labelled(dataset.images)[1]), most=20)
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


def _export(args: argparse.Namespace) -> int:
    from distill.data.coco import CocoDataset
    from distill.data.cvat import write_cvat
    from distill.data.images import whole_header_of
    from distill.data.label_studio import write_label_studio
    from distill.data.labelled_size import as_labelled
    from distill.data.yolo import write_yolo

    read = CocoDataset.read(args.data, args.images)
    images, problems = as_labelled(read.images, whole_header_of)
    print_problems((*read.problems, *problems))
    if not images:
        raise InputError(f"{args.data}: none of {len(read.images)} images is as it was labelled")
    dataset = replace(read, images=tuple(images))
    write = {"yolo": write_yolo, "cvat": write_cvat, "label-studio": write_label_studio}
    notes = write[args.format](dataset, args.data, args.out)
    print(f"wrote {len(images)} images and {_objects(images)} to {args.out}")
    if len(images) < len(read.images):
        print(f"{len(read.images) - len(images)} images were left out")
    for note in notes:
        print(note)
    return 0


def _import(args: argparse.Namespace) -> int:
    from distill.data.import_corrections import import_corrections

    master = args.into / "annotations.json" if args.into.is_dir() else args.into
    result = import_corrections(args.corrections, master)
    print_problems(result.problems)
    if result.kept is None:
        print(f"{result.confirmed} images came back as they were; {master} is unchanged")
    else:
        objects = _counted(result.objects, result.uncounted)
        print(
            f"{result.corrected} images corrected ({objects}), {result.confirmed} confirmed; "
            f"the old master is {result.kept}"
        )
    if result.untouched:
        print(
            f"{result.untouched} images hold something that can't be read, and are left as they were"
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
    print_problems(dataset.problems)
    write_coco(args.out, dataset.classes, dataset.images, {"description": "from YOLO labels"})
    print(f"wrote {len(dataset.images)} images and {_objects(dataset.images)} to {args.out}")
    return 0


def _objects(images: Sequence[ImageRecord]) -> str:
    """How many are in these images, in words."""
    annotations = [annotation for record in images for annotation in record.annotations]
    return _counted(len(annotations), sum(annotation.ignore for annotation in annotations))


def _counted(annotations: int, regions: int) -> str:
    said = f", {regions} regions that don't count" if regions else ""
    return f"{annotations - regions} objects{said}"
