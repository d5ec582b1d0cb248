"""YOLO-seg folders, written: an export, never a master.

A label file holds one object a line: a class number, then the corners of ONE polygon, 0 to 1. So
the parts of an object and its holes are joined by bridges of no width, and a region to ignore can't
be said: its image is written without it.
"""

from __future__ import annotations

import io
import os
from itertools import count
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import yaml
from PIL import Image as PilImage

from distill.data import rle as run_length
from distill.data.coco import read_coco_json, relative_path
from distill.data.folder import copy_image, make_folder, names_of, write_bytes, write_text
from distill.data.polygon import joined, outlines
from distill.data.yolo_reader import IMAGES, LABELS, SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from distill.data.coco import CocoDataset
    from distill.data.record import Annotation, ImageRecord

_SPLITS = ("train", "val")
_HIDDEN = (".", "@", "#", "$")
"""What hidden names begin with, those of network shares included."""


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
    unsaid: list[int] = []
    names = _of_own_stems([_findable(name) for name in names_of(dataset.images, path)])
    for record, name in zip(dataset.images, names, strict=True):
        split = split_of[record.id]
        _put(record, out / IMAGES / split / name)
        objects = [annotation for annotation in record.annotations if not annotation.ignore]
        lines = [_line(annotation, record) for annotation in objects]
        unsaid.append(len(record.annotations) - len(objects))
        label = (out / LABELS / split / name).with_suffix(".txt")
        write_text(label, "".join(f"{line}\n" for line in lines))
    notes = []
    splits = [split for split in _SPLITS if split in split_of.values()]
    if len(splits) < len(_SPLITS):
        notes.append(f"{path.parent} does not split by clip: train and val are the same images")
    if any(unsaid):
        notes.append(
            f"{sum(unsaid)} regions that don't count, in {sum(map(bool, unsaid))} images, are lost: "
            "YOLO can't say them, and takes them for background"
        )
    rows = [f"  {number}: {_quoted(name)}\n" for number, name in enumerate(dataset.classes)]
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
    theirs = {
        os.path.normpath(str(image.get("file_name")).replace("\\", "/"))
        for image in others["images"]
        if isinstance(image, dict)
    }
    for record in records:
        if os.path.normpath(relative_path(record.path, path.parent)) in theirs:
            split_of[record.id] = _SPLITS[1]
    return split_of


def _findable(name: str) -> str:
    """A name under which YOLO finds an image and its labels.

    It looks for them where the last folder `images` of the path is called `labels`, at nothing
    hidden, and at no files with endings that it does not know.
    """
    shown = (f"_{part}" if part.startswith(_HIDDEN) else part for part in PurePosixPath(name).parts)
    *folders, file = shown
    parts = [f"{folder}_" if folder == IMAGES else folder for folder in folders]
    known = PurePosixPath(file).suffix.lower() in SUFFIXES
    return PurePosixPath(*parts, file if known else f"{file}.png").as_posix()


def _put(record: ImageRecord, target: Path) -> None:
    """Copy an image; one of a kind that YOLO does not know becomes a PNG."""
    if record.path.suffix.lower() in SUFFIXES:
        copy_image(record.path, target)
        return
    png = io.BytesIO()
    PilImage.fromarray(record.read()).save(png, "PNG")
    write_bytes(target, png.getvalue())


def _of_own_stems(names: Sequence[str]) -> list[str]:
    """The names, changed where two images would share a label file, as a.jpg and a.png would.

    Some file systems hold `a` and `A` for one name.
    """
    stems = [PurePosixPath(name).with_suffix("") for name in names]
    theirs = {str(stem).lower() for stem in stems}
    taken: set[str] = set()
    own = []
    for name, stem in zip(names, stems, strict=True):
        suffix = PurePosixPath(name).suffix
        others = (f"{stem}-{number}" for number in count(2))
        free = (
            other for other in others if other.lower() not in taken and other.lower() not in theirs
        )
        chosen = next(free) if str(stem).lower() in taken else str(stem)
        taken.add(chosen.lower())
        own.append(f"{chosen}{suffix}")
    return own


def _line(annotation: Annotation, record: ImageRecord) -> str:
    polygon = joined(outlines(run_length.decode(annotation.rle)))
    shares = polygon / [record.width, record.height]
    return " ".join([str(annotation.class_id), *(f"{value:.6f}" for value in shares.ravel())])


def _quoted(name: str) -> str:
    """A name as YAML has it, whatever is in it."""
    return yaml.safe_dump(name, default_style='"', width=float("inf")).strip()
