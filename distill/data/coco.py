"""COCO JSON: the form in which every data set is read and written.

`CocoDataset.read` takes our own masters, COCO's own files, and what CVAT, Roboflow and others
export: polygons, both kinds of run lengths, category ids with gaps, missing sizes and boxes. What
can't be used is left out and said in one line each, because one bad record of a million must not
end a training; a file that holds nothing usable ends it at once.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from distill.data.json_file import read_json, write_json
from distill.data.record import Annotation, ImageRecord, annotation_json, image_json
from distill.data.record_reader import RecordReader
from distill.data.segmentation import as_whole
from distill.errors import InputError
from models.classes import nearest

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence
    from pathlib import Path

__all__ = ["Annotation", "CocoDataset", "ImageRecord", "read_coco_json", "write_coco"]

_PARTS = {
    "images": ("id", "width", "height", "frame"),
    "annotations": ("id", "image_id", "category_id", "track_id", "iscrowd"),
    "categories": ("id",),
}
"""The lists of a file, and what in them is a whole number."""


@dataclass(frozen=True)
class CocoDataset:
    """Images with their objects.

    Attributes:
        classes: names; an annotation's `class_id` is an index in here.
        images: in the order of the file.
        problems: one line for everything that was left out or mended.
        info: the file's own `info`, such as where its labels come from.
    """

    classes: tuple[str, ...]
    images: tuple[ImageRecord, ...]
    problems: tuple[str, ...]
    info: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(
        cls, path: Path, images: Path | None = None, classes: Sequence[str] = ()
    ) -> CocoDataset:
        """Read a COCO JSON file.

        Args:
            path: the file.
            images: the folder that `file_name` is relative to; by default that of `path`.
            classes: only these, by name and in this order; all where empty. Images without any
                of them stay: they show what the class is not.

        Raises:
            InputError: the file can't be read, is no COCO JSON, has no such class, or holds
                nothing that can be used.
        """
        whole = read_coco_json(path)
        problems: list[str] = []
        numbers = (a.get("category_id") for a in whole["annotations"] if isinstance(a, dict))
        used = {number for number in numbers if type(number) is int}
        categories = _without_heads(whole["categories"], used, classes, path, problems)
        names, class_of = _categories(categories, used, classes, path, problems)
        reader = RecordReader(path, images or path.parent, class_of, problems)
        records = reader.read(whole["images"], whole["annotations"])
        info = whole.get("info")
        return cls(names, records, tuple(problems), info if isinstance(info, dict) else {})

    def problem_lines(self, most: int = 5) -> list[str]:
        """The first few problems, and how many more there are."""
        more = len(self.problems) - most
        return [*self.problems[:most], *([f"... and {more} more"] if more > 0 else [])]


def read_coco_json(path: Path) -> dict[str, Any]:
    """A file's whole content, checked to be COCO's outermost form and no deeper.

    Raises:
        InputError: it can't be read, is cut off, or is JSON of another kind.
    """
    whole = read_json(path)
    if isinstance(whole, dict):
        missing = [part for part in _PARTS if not isinstance(whole.get(part), list)]
        if not missing:
            return with_whole_numbers(whole)
        found = f"has no list of {' or '.join(missing)}"
    else:
        found = f"holds a {'list' if isinstance(whole, list) else 'single value'}"
    raise InputError(
        f"{path} is JSON, but not COCO's: it {found}; a COCO file has images, annotations and "
        "categories"
    )


def category_ids(whole: dict[str, Any], classes: Sequence[str]) -> list[int]:
    """The id that each of these classes has in a file, the first where it has several.

    Args:
        whole: the file's content, as `read_coco_json` gives it.
        classes: as `CocoDataset.read` gives them for it.
    """
    number_of = {
        str(category["name"]): category["id"]
        for category in reversed(whole["categories"])
        if isinstance(category, dict) and {"id", "name"} <= category.keys()
    }
    return [number_of[name] for name in classes]


def with_whole_numbers(whole: dict[str, Any]) -> dict[str, Any]:
    """A COCO file's content; ids and sizes as tables have them, 1.0 or "1", are whole numbers."""
    for part, keys in _PARTS.items():
        for record in whole[part]:
            if isinstance(record, dict):
                for key in keys:
                    if type(record.get(key)) in (float, str):
                        record[key] = as_whole(record[key])
    return whole


def write_coco(
    path: Path,
    classes: Sequence[str],
    images: Iterable[ImageRecord],
    info: Mapping[str, Any],
) -> None:
    """Write a master: whole or not at all, ids of categories and annotations from 1.

    Paths become relative to the file's folder, so that the folder can be moved as one.

    Raises:
        OutputError: it can't be written; what was there stays.
    """
    records, objects = [], []
    for image in images:
        records.append(image_json(image, relative_path(image.path, path.parent)))
        objects += [(image.id, annotation) for annotation in image.annotations]
    annotations = (
        annotation_json(annotation, number, image_id)
        for number, (image_id, annotation) in enumerate(objects, start=1)
    )
    categories = [{"id": number, "name": name} for number, name in enumerate(classes, start=1)]
    write_json(
        path,
        {"info": info, "categories": categories},
        {"images": records, "annotations": annotations},
    )


def relative_path(path: Path, folder: Path) -> str:
    """The path as seen from a folder, with slashes on every system."""
    return os.path.relpath(path.absolute(), folder.absolute()).replace(os.sep, "/")


def _without_heads(
    categories: list[Any],
    used: Container[Any],
    wanted: Sequence[str],
    path: Path,
    problems: list[str],
) -> list[Any]:
    """The categories but those that only head others, as Roboflow's first: nothing is one.

    A class without objects stays a class; here another one names it as its supercategory.
    """
    records = [c for c in categories if isinstance(c, dict)]
    above = {
        str(c.get("supercategory")) for c in records if c.get("supercategory") != c.get("name")
    }
    heads = [
        c
        for c in records
        if type(c.get("id")) is int
        and c["id"] not in used
        and isinstance(c.get("name"), str)
        and c["name"] in above - set(wanted)
    ]
    if len(heads) == len(records):
        return categories
    problems += [
        f"{path}: category '{head['name']:.80}' heads others and has no objects; it is no class"
        for head in heads
    ]
    return [category for category in categories if category not in heads]


def _categories(
    categories: list[Any],
    used: Container[Any],
    wanted: Sequence[str],
    path: Path,
    problems: list[str],
) -> tuple[tuple[str, ...], dict[int, int | None]]:
    """Names by class id, and the class id of each category id (None: not wanted)."""
    name_of: dict[int, str] = {}
    faults: list[str] = []
    for category in categories:
        record = category if isinstance(category, dict) else {}
        name, number = record.get("name"), record.get("id")
        name = str(name) if type(name) in (int, float) else name
        if not isinstance(name, str) or not name.strip() or type(number) is not int:
            fault = f"{path}: category {category!r:.80} needs an id (a whole number) and a name"
            if type(number) is int and number in used:
                raise InputError(fault)
            faults.append(fault)
            continue
        if name_of.get(number, name) != name:
            raise InputError(
                f"{path}: category id {number} is both '{name_of[number]}' and '{name}'; "
                "give each its own id"
            )
        name_of[number] = name
    if not name_of:
        none = f"{path} names no categories; add the classes that were labelled"
        raise InputError(faults[0] if faults else none)
    problems += [f"{fault}; it is left out" for fault in faults]
    known = tuple(dict.fromkeys(name_of[number] for number in sorted(name_of)))
    if len(known) < len(name_of):
        problems.append(f"{path}: several categories have one name; they are read as one class")
    for name in wanted:
        if name not in known:
            close = nearest(name, known)
            some = ", ".join(known[:8]) + (" ..." if len(known) > 8 else "")
            hint = f"did you mean '{close}'?" if close else f"it has {some}"
            raise InputError(f"{path} has no class '{name}'; {hint}")
    names = tuple(dict.fromkeys(wanted)) or known
    index = {name: position for position, name in enumerate(names)}
    return names, {number: index.get(name) for number, name in name_of.items()}
