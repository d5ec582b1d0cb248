"""`sfumato-distill labels split` and `merge`: from one data set two, from several one."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill.cli import arguments
from distill.cli.columns import print_columns
from distill.cli.problems import print_problems
from distill.errors import InputError, OutputError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from distill.data.record import ImageRecord
    from distill.data.split import Split

_TRAIN, _VAL = "train.json", "val.json"

_SPLIT_EPILOG = """\
Writes train.json and val.json beside DATA, or into --out. A clip is in one of them as a whole,
because its frames are nearly the same; so the share is what comes nearest in whole clips. Which
clips are held out depends on their names and --seed alone: what another teacher labelled in the
same clips is split alike. An image of no clip stands alone.

From one clip, its end is held out, and the images before that are in neither part. Figures on it
are kinder than those on a clip that nobody learned from would be.

A train.json or val.json that is there already is kept as train.json.1, .2, ...

  sfumato-distill labels split bottles/annotations.json
  sfumato-distill labels split all.json --val 500 --seed 3 --out parts
"""

_MERGE_EPILOG = """\
Classes of one name are one class. Images stay where they are; two of one name in different folders
are two. An image that is in several sets, told by its bytes, is in the result once where the same
objects are labelled in it, and else the sets are not merged. Where one set lacks a class of another,
what its images show of it counts as background: that is said, and yours to judge.

  sfumato-distill labels merge bottles/annotations.json cups/annotations.json --out all.json
"""


def add_parsers(below: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `split` and `merge`."""
    parts = arguments.command(below, "split", "hold out a part to measure on", _SPLIT_EPILOG)
    parts.add_argument("data", type=Path, metavar="COCO.json", help="or the folder of a data set")
    arguments.add_images(parts)
    parts.add_argument(
        "--val",
        type=arguments.share_or_count,
        default=0.2,
        metavar="N",
        help="of the images, a share below 1 or how many (default 0.2)",
    )
    parts.add_argument(
        "--seed", type=arguments.whole_number(0, 2**31 - 1), default=0, metavar="S", help="(0)"
    )
    parts.add_argument("--out", type=Path, metavar="DIR", help="a folder (beside the JSON)")
    parts.set_defaults(run=_split)

    merge = arguments.command(below, "merge", "put several data sets into one", _MERGE_EPILOG)
    merge.add_argument("data", type=Path, nargs="+", metavar="COCO.json")
    arguments.add_images(merge)
    merge.add_argument("--out", type=Path, metavar="COCO.json", required=True, help="a new file")
    merge.set_defaults(run=_merge)


def _split(args: argparse.Namespace) -> int:
    from distill.data.coco import CocoDataset, write_coco
    from distill.data.kept_file import keep
    from distill.data.split import split
    from distill.files import writing

    data = args.data / "annotations.json" if args.data.is_dir() else args.data
    folder = args.out or data.parent
    train, val = folder / _TRAIN, folder / _VAL
    if data.resolve() in {train.resolve(), val.resolve()}:
        raise UsageError(f"{data} would be written over; name another folder with --out")
    dataset = CocoDataset.read(data, args.images)
    print_problems(dataset.problems)
    if args.val >= len(dataset.images):
        raise UsageError(f"--val {args.val:g} leaves nothing of {len(dataset.images)} images")
    try:
        parts = split(dataset.images, args.val, args.seed)
    except InputError as error:
        raise InputError(f"{data}: {error}") from error
    kept = [keep(path) for path in (train, val) if path.exists()]
    info = _with_parts(dataset.info, parts)
    # Nobody shall measure on what is left of an earlier split, should this one break off here.
    with writing(val):
        val.unlink(missing_ok=True)
    write_coco(train, dataset.classes, parts.train, info)
    write_coco(val, dataset.classes, parts.val, info)
    _print_parts(dataset.classes, parts)
    for path in kept:
        print(f"the old one is {path}")
    print(f"wrote {train} and {val}")
    return 0


def _with_parts(info: Mapping[str, Any], parts: Split) -> dict[str, Any]:
    """A data set's `info`, which may say in what part each clip is."""
    clips = info.get("clips")
    if not isinstance(clips, list):
        return dict(info)
    part_of: dict[str | None, list[str]] = {}
    for name, images in (("train", parts.train), ("val", parts.val)):
        for clip in {image.clip for image in images}:
            part_of.setdefault(clip, []).append(name)
    return {
        **info,
        "clips": [
            {**clip, "split": " and ".join(part_of[clip["name"]])}
            if isinstance(clip, dict) and clip.get("name") in part_of
            else clip
            for clip in clips
        ],
    }


def _print_parts(classes: Sequence[str], parts: Split) -> None:
    sides = {"train": parts.train, "val": parts.val}
    found = {name: _objects(images) for name, images in sides.items()}
    rows: list[list[object]] = [
        ["clips", *(len({i.clip for i in images} - {None}) for images in sides.values())],
        ["images", *map(len, sides.values())],
        *(
            [f"{name} objects", *(counts[number] for counts in found.values())]
            for number, name in enumerate(classes)
            if any(counts[number] for counts in found.values())
        ),
    ]
    print_columns([["", *sides], *rows])
    if parts.cut_clip is not None:
        print(
            f"there is one clip, {parts.cut_clip}: its last {len(parts.val)} images are held out, "
            f"the {parts.left_out} before them are in neither part; figures on them are kinder than "
            "on another clip",
        )
    for side, counts in found.items():
        other = found["train" if side == "val" else "val"]
        missing = [name for i, name in enumerate(classes) if other[i] and not counts[i]]
        if missing:
            print(
                f"warning: {side} shows no {', '.join(missing)}; try another --seed or --val",
                file=sys.stderr,
            )


def _objects(images: Sequence[ImageRecord]) -> Counter[int]:
    return Counter(a.class_id for image in images for a in image.annotations if not a.ignore)


def _merge(args: argparse.Namespace) -> int:
    from distill.data.coco import CocoDataset, write_coco
    from distill.data.merge import merge

    if args.out.exists():
        raise OutputError(f"{args.out} is there already; name a new file")
    datasets = [CocoDataset.read(path, args.images) for path in args.data]
    merged = merge(datasets)
    print_problems(merged.dataset.problems)
    write_coco(args.out, merged.dataset.classes, merged.dataset.images, merged.dataset.info)
    rows = [
        [str(path), len(each.images), sum(_objects(each.images).values())]
        for path, each in zip(args.data, datasets, strict=True)
    ]
    images = merged.dataset.images
    print_columns(
        [["", "images", "objects"], *rows, ["all", len(images), _objects(images).total()]]
    )
    if merged.repeated:
        print(
            f"{merged.repeated} images are in several of them, with the same objects, and count once"
        )
    for number, names in merged.unlooked.items():
        print(
            f"{args.data[number]} has no class {', '.join(names)}: what its images show of that "
            "counts as background",
        )
    print(f"wrote {args.out}")
    return 0
