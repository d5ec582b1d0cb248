"""CVAT's "COCO 1.0": what it imports, and what it exports.

Layout: `annotations/instances_default.json` and `images/default/`, as a zip. Masks travel as
uncompressed run lengths, which CVAT reads and writes as brush masks. CVAT marks every mask as
`iscrowd` in its export, so that the label alone says what a region is.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

from distill.data import rle as run_length
from distill.data.correction import Correction
from distill.data.folder import copy_image, make_folder, names_of
from distill.data.json_file import write_json
from distill.data.label_name import label_name, label_names, read_label
from distill.data.record import annotation_json, image_json
from distill.data.segmentation import UnusableError, box_of, is_whole, mask_of
from distill.errors import InputError
from distill.files import writing
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from distill.data.coco import CocoDataset
    from distill.data.correction import Find, Target
    from distill.data.label_name import Label
    from distill.data.rle import Rle
    from distill.data.segmentation import Size

ANNOTATIONS = "annotations/instances_default.json"
_IMAGES = "images/default"
ARCHIVE = "cvat.zip"


def write_cvat(dataset: CocoDataset, path: Path, out: Path) -> list[str]:
    """Write the layout as a folder, and as the zip that CVAT takes.

    Args:
        dataset: what is exported.
        path: the file that it was read from.
        out: a new folder.

    Returns:
        Nothing that could not be said.

    Raises:
        OutputError: the folder can't be written, or is not empty.
    """
    make_folder(out)
    names = names_of(dataset.images, path)
    for record, name in zip(dataset.images, names, strict=True):
        copy_image(record.path, out / _IMAGES / name)
    labels = label_names(dataset.classes)
    images = [
        {**image_json(record, name), "license": 0, "flickr_url": "", "coco_url": ""}
        for record, name in zip(dataset.images, names, strict=True)
    ]
    write_json(
        out / ANNOTATIONS,
        {
            "info": {"description": "exported by Sfumato"},
            "licenses": [{"id": 0, "name": "", "url": ""}],
            "categories": [
                {"id": number, "name": name, "supercategory": ""}
                for number, name in enumerate(labels, start=1)
            ],
        },
        {"images": images, "annotations": _annotations(dataset, labels)},
    )
    _pack(out)
    return []


def _annotations(dataset: CocoDataset, labels: Sequence[str]) -> Iterator[dict[str, Any]]:
    number = 0
    for record in dataset.images:
        for annotation in record.annotations:
            number += 1
            yield {
                **annotation_json(annotation, number, record.id),
                "category_id": labels.index(label_name(annotation, dataset.classes)) + 1,
                "segmentation": {
                    "size": list(annotation.rle.size),
                    "counts": run_length.runs(annotation.rle.counts).tolist(),
                },
                "attributes": {"occluded": False},
            }


def _pack(out: Path) -> None:
    target = out / ARCHIVE
    with writing(target), whole_file(target) as file, zipfile.ZipFile(file, "w") as archive:
        for member in (out / "annotations", out / "images"):
            for path in sorted(member.rglob("*")):
                if path.is_file():  # images don't get smaller
                    archive.write(path, path.relative_to(out).as_posix())


def read_cvat(
    whole: dict[str, Any],
    path: Path,
    classes: Sequence[str],
    find: Find,
    problems: list[str],
) -> list[Correction]:
    """Read what CVAT exported: every image in it counts as corrected.

    Args:
        whole: the JSON file's content, with images, annotations and categories.
        path: for messages.
        classes: the data set's.
        find: from a file name to the data set's image.
        problems: grows by one line for everything that is left out.

    Raises:
        InputError: a label is none of the data set's.
    """
    labels = _labels(whole, path, classes)
    targets: dict[int, Target] = {}
    objects: dict[int, list[tuple[Label, Rle]]] = {}
    for image in whole["images"]:
        name, number = (
            (image.get("file_name"), image.get("id")) if isinstance(image, dict) else ("", 0)
        )
        found = find([str(name)])
        if isinstance(found, str):
            problems.append(f"{path}: {found}")
        elif is_whole(number):
            targets[number] = found
            objects[number] = []
    for annotation in whole["annotations"]:
        if not isinstance(annotation, dict) or annotation.get("image_id") not in targets:
            continue
        image_id = annotation["image_id"]
        name = f"{path}: annotation {annotation.get('id')}"
        try:
            label, rle, why = _object(annotation, labels, targets[image_id].size)
        except UnusableError as reason:
            problems.append(f"{name} {reason}; it is left out")
            continue
        objects[image_id].append((label, rle))
        if why:
            problems.append(f"{name} {why}; its box becomes a region that does not count")
    return [Correction(targets[number], tuple(objects[number])) for number in targets]


def _object(
    annotation: dict[str, Any], labels: Mapping[Any, Label], size: Size
) -> tuple[Label, Rle, str]:
    """What it is and where; its box where it has no mask that can be used, and why that is."""
    label = labels.get(annotation.get("category_id"))
    if label is None:
        raise UnusableError("has a category that the file does not list")
    shape = annotation.get("segmentation")
    try:
        return label, mask_of(shape, size)[0], ""
    except UnusableError as reason:
        if not annotation.get("bbox"):
            raise
        # Something is there. Left out it would be background, and teach that nothing is.
        box = run_length.from_box(box_of(annotation["bbox"], size), size)
        return label.uncounted(), box, str(reason) if shape else "is a rectangle, not a mask"


def _labels(whole: dict[str, Any], path: Path, classes: Sequence[str]) -> dict[Any, Label]:
    """What each category id means; only those in use must be known."""
    used = {a.get("category_id") for a in whole["annotations"] if isinstance(a, dict)}
    labels = {}
    for category in whole["categories"]:
        if not isinstance(category, dict) or not is_whole(category.get("id")):
            raise InputError(f"{path}: category {category!r:.60} needs an id and a name")
        if category["id"] in used:
            labels[category["id"]] = read_label(str(category.get("name")), classes, path)
    return labels
