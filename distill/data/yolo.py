"""YOLO-seg folders, written: an export, never a master.

A label file holds one object a line: a class number, then the corners of ONE polygon, 0 to 1. So
the parts of an object and its holes are joined by bridges of no width, and a region to ignore can't
be said: its image is written without it.
"""

from __future__ import annotations

import json
from itertools import count
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from distill.data import rle as run_length
from distill.data.coco import read_coco_json, relative_path
from distill.data.folder import copy_image, make_folder, names_of, write_text
from distill.data.polygon import joined, outlines

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from distill.data.coco import CocoDataset
    from distill.data.record import Annotation, ImageRecord

_SPLITS = ("train", "val")


def write_yolo(dataset: CocoDataset, path: Path, out: Path) -> list[str]:
    """Write images, labels and data.yaml.

    `train.json` and `val.json` beside the data set say which image goes where.

    Args:
        dataset: what is exported.
        path: the file that it was read from.
        out: a new folder.

    Returns:
        Lines on what the format could not say.

    Raises:
        OutputError: the folder can't be written, or is not empty.
    """
    make_folder(out)
    split_of = _splits(path, dataset.images)
    unsaid = 0
    names = _of_own_stems(names_of(dataset.images, path))
    for record, name in zip(dataset.images, names, strict=True):
        split = split_of[record.id]
        copy_image(record.path, out / "images" / split / name)
        lines = []
        for annotation in record.annotations:
            if annotation.ignore:
                continue
            lines.append(_line(annotation, record))
        unsaid += any(annotation.ignore for annotation in record.annotations)
        label = (out / "labels" / split / name).with_suffix(".txt")
        write_text(label, "".join(f"{line}\n" for line in lines))
    notes = []
    splits = [split for split in _SPLITS if split in split_of.values()]
    if len(splits) < len(_SPLITS):
        notes.append(f"{path.parent} does not split by clip: train and val are the same images")
    if unsaid:
        notes.append(f"{unsaid} images have regions to ignore, which YOLO can't say; left out")
    rows = [f"  {number}: {json.dumps(name)}\n" for number, name in enumerate(dataset.classes)]
    write_text(
        out / "data.yaml",
        f"train: images/{splits[0]}\nval: images/{splits[-1]}\nnames:\n{''.join(rows)}",
    )
    return notes


def _splits(path: Path, records: Sequence[ImageRecord]) -> dict[int, str]:
    """Which split each image id belongs to."""
    split_of = dict.fromkeys((record.id for record in records), _SPLITS[0])
    other = path.with_name("val.json")
    if not other.is_file():
        return split_of
    others = read_coco_json(other)
    theirs = {image.get("file_name") for image in others["images"] if isinstance(image, dict)}
    for record in records:
        if relative_path(record.path, path.parent) in theirs:
            split_of[record.id] = _SPLITS[1]
    return split_of


def _of_own_stems(names: Sequence[str]) -> list[str]:
    """The names, changed where two images would share a label file, as a.jpg and a.png would."""
    stems = [PurePosixPath(name).with_suffix("") for name in names]
    taken: set[PurePosixPath] = set()
    own = []
    for name, stem in zip(names, stems, strict=True):
        suffix = PurePosixPath(name).suffix
        others = (stem.with_name(f"{stem.name}-{number}") for number in count(2))
        free = (other for other in others if other not in taken | set(stems))
        chosen = next(free) if stem in taken else stem
        taken.add(chosen)
        own.append(f"{chosen}{suffix}")
    return own


def _line(annotation: Annotation, record: ImageRecord) -> str:
    polygon = joined(outlines(run_length.decode(annotation.rle)))
    shares = polygon / [record.width, record.height]
    return " ".join([str(annotation.class_id), *(f"{value:.6f}" for value in shares.ravel())])
