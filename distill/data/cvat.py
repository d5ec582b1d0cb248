"""CVAT's "COCO 1.0": what it imports, and what it exports.

Layout: `annotations/instances_default.json` and `images/default/`, as a zip. Masks travel as
uncompressed run lengths, which CVAT reads and writes as brush masks. CVAT marks every mask as
`iscrowd` in its export, so that the label alone says what a region is.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

from distill.data import rle as run_length
from distill.data.correction import Correction, Corrections
from distill.data.folder import copy_image, make_folder, names_of
from distill.data.json_file import write_json
from distill.data.label_name import label_name, label_names, read_label
from distill.data.record import annotation_json, image_json
from distill.data.segmentation import EmptyError, UnusableError, box_of, is_whole, mask_of
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
) -> Corrections:
    """Read what CVAT exported: every image in it counts as corrected.

    An image with anything that can't be read is left as it was, except for what has a box: that
    becomes a region that does not count.

    Args:
        whole: the JSON file's content, with images, annotations and categories.
        path: for messages.
        classes: the data set's.
        find: from a file name to the data set's image.
        problems: grows by one line for everything that is left out.

    Raises:
        InputError: a label is none of the data set's, or nobody can tell which image an
            annotation belongs to.
    """
    labels = _labels(whole, path, classes)
    targets: dict[int, Target] = {}
    objects: dict[int, list[tuple[Label, Rle]]] = {}
    untouched: set[int] = set()
    listed = {image["id"] for image in whole["images"] if _has_id(image)}
    for image in whole["images"]:
        name, number = (
            (image.get("file_name"), image.get("id")) if isinstance(image, dict) else ("", 0)
        )
        found = find([str(name)])
        if isinstance(found, str):
            problems.append(f"{path}: {found}")
        elif is_whole(number):
            targets[number] = found
            objects[found.image_id] = []
            if wrong := _other_size(image, found.size):
                problems.append(f"{path}: {name} {wrong}; it is left as it was")
                untouched.add(found.image_id)
    for annotation in whole["annotations"]:
        image_id = annotation.get("image_id") if isinstance(annotation, dict) else None
        if not is_whole(image_id) or image_id not in listed:
            raise InputError(
                f"{path}: an annotation belongs to no image of the file, {annotation!r:.60}; "
                "export it again"
            )
        target = targets.get(image_id)
        if target is None or target.image_id in untouched:
            continue
        name = f"{path}: annotation {annotation.get('id')}"
        try:
            label, rle, why = _object(annotation, labels, target.size)
        except EmptyError as reason:
            problems.append(f"{name} {reason}; it is left out")
        except UnusableError as reason:
            problems.append(f"{name} {reason}; its image is left as it was")
            untouched.add(target.image_id)
        else:
            theirs = objects[target.image_id]
            if (label, rle) not in theirs:  # an image may be listed twice, with the same objects
                theirs.append((label, rle))
            if why:
                problems.append(f"{name} {why}; its box becomes a region that does not count")
    read = {one.image_id: one for one in targets.values() if one.image_id not in untouched}
    return Corrections(
        tuple(Correction(one, tuple(objects[number])) for number, one in read.items()),
        len(untouched),
    )


def _has_id(image: Any) -> bool:
    return isinstance(image, dict) and is_whole(image.get("id"))


def _other_size(image: dict[str, Any], size: Size) -> str:
    """How an image differs from the one that was exported, where the file tells."""
    height, width = image.get("height"), image.get("width")
    if not is_whole(height) or not is_whole(width) or (height, width) == size:
        return ""
    return f"has {width}x{height} pixels there, and {size[1]}x{size[0]} in the data set"


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
        other = isinstance(shape, dict) and shape.get("size") != list(size)
        if other or not annotation.get("bbox"):  # a box of another image's says nothing of this one
            raise
        # Something is there. Left out it would be background, and teach that nothing is.
        box = run_length.from_box(box_of(annotation["bbox"], size), size)
        return label.uncounted(), box, str(reason) if shape else "is a rectangle, not a mask"


def _labels(whole: dict[str, Any], path: Path, classes: Sequence[str]) -> dict[Any, Label]:
    """What each category id means; only those in use must be known."""
    used = {a.get("category_id") for a in whole["annotations"] if isinstance(a, dict)}
    labels = {}
    for category in whole["categories"]:
        if isinstance(category, dict) and is_whole(category.get("id")) and category["id"] in used:
            labels[category["id"]] = read_label(str(category.get("name")), classes, path)
    return labels
