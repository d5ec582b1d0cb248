"""Label Studio: tasks with predictions to correct, and its JSON export.

Masks travel as brush regions, which hold several parts and holes exactly. A person's annotation
starts as a copy of the prediction; a task without an annotation was not looked at and is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import quoteattr

import numpy as np

from distill.data import rle as run_length
from distill.data.brush import pack_brush, unpack_brush
from distill.data.correction import Correction
from distill.data.folder import copy_image, make_folder, names_of, write_text
from distill.data.json_file import write_json_list
from distill.data.label_name import label_name, label_names, read_label
from distill.data.segmentation import UnusableError, is_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from distill.data.coco import CocoDataset
    from distill.data.correction import Find
    from distill.data.label_name import Label
    from distill.data.record import ImageRecord
    from distill.data.rle import Rle

TASKS, CONFIG = "tasks.json", "config.xml"
_IMAGES = "images"
_LOCAL = "/data/local-files/?d="
"""How Label Studio names a file below its document root."""


def write_label_studio(dataset: CocoDataset, path: Path, out: Path) -> list[str]:
    """Write images, tasks and the labelling interface.

    Args:
        dataset: what is exported.
        path: the file that it was read from.
        out: a new folder; Label Studio's document root.

    Returns:
        How Label Studio finds the images.

    Raises:
        OutputError: the folder can't be written, or is not empty.
    """
    make_folder(out)
    names = names_of(dataset.images, path)
    for record, name in zip(dataset.images, names, strict=True):
        copy_image(record.path, out / _IMAGES / name)
    rows = [f"    <Label value={quoteattr(name)}/>\n" for name in label_names(dataset.classes)]
    write_text(
        out / CONFIG,
        '<View>\n  <Image name="image" value="$image" zoom="true"/>\n'
        f'  <BrushLabels name="label" toName="image">\n{"".join(rows)}  </BrushLabels>\n</View>\n',
    )
    write_json_list(out / TASKS, _tasks(dataset, names))
    how = (
        "start Label Studio with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true "
        f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={out.absolute()}, paste {CONFIG} as the "
        f"labelling interface, add {_IMAGES} as local storage, import {TASKS}"
    )
    return [how]


def _tasks(dataset: CocoDataset, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    for record, name in zip(dataset.images, names, strict=True):
        yield {
            "data": {"image": f"{_LOCAL}{quote(f'{_IMAGES}/{name}')}", "file_name": name},
            "predictions": [
                {"model_version": "sfumato", "result": _regions(record, dataset.classes)}
            ],
        }


def _regions(record: ImageRecord, classes: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{record.id}-{number}",
            "type": "brushlabels",
            "from_name": "label",
            "to_name": "image",
            "original_width": record.width,
            "original_height": record.height,
            "image_rotation": 0,
            **({} if annotation.score is None else {"score": annotation.score}),
            "value": {
                "format": "rle",
                "rle": pack_brush(run_length.decode(annotation.rle)),
                "brushlabels": [label_name(annotation, classes)],
            },
        }
        for number, annotation in enumerate(record.annotations)
    ]


def read_label_studio(
    tasks: list[Any], path: Path, classes: Sequence[str], find: Find, problems: list[str]
) -> list[Correction]:
    """Read Label Studio's JSON export: tasks that a person submitted.

    Args:
        tasks: the JSON file's content.
        path: for messages.
        classes: the data set's.
        find: from file names, the best first, to the data set's image.
        problems: grows by one line for everything that is left out.

    Raises:
        InputError: a label is none of the data set's.
    """
    corrections: list[Correction] = []
    for position, task in enumerate(tasks, start=1):
        submitted = [
            annotation
            for annotation in task.get("annotations") or []
            if isinstance(annotation, dict) and not annotation.get("was_cancelled")
        ]
        if not submitted:
            continue
        found = find(_names(task.get("data") or {}))
        if isinstance(found, str):
            problems.append(f"{path}: task {task.get('id', position)}: {found}")
            continue
        objects: list[tuple[Label, Rle]] = []
        last = max(submitted, key=lambda annotation: str(annotation.get("updated_at") or ""))
        for region in last.get("result") or []:
            try:
                objects += _objects(region, found.size, classes, path)
            except UnusableError as reason:
                problems.append(
                    f"{path}: task {task.get('id', position)}: region {region.get('id')} {reason}; "
                    "it is left out"
                )
        corrections.append(Correction(found, tuple(objects)))
    return corrections


def _names(data: dict[str, Any]) -> list[str]:
    """What may name the image: our own field, or what is in the address."""
    names = [data["file_name"]] if isinstance(data.get("file_name"), str) else []
    if isinstance(data.get("image"), str):
        address = urlsplit(data["image"])
        local = parse_qs(address.query).get("d")
        names.append(local[0] if local else unquote(address.path))
    return names


def _objects(
    region: Any, size: tuple[int, int], classes: Sequence[str], path: Path
) -> list[tuple[Label, Rle]]:
    """A region's mask with its label; none where it is no mask but, say, a choice."""
    value = region.get("value") if isinstance(region, dict) else None
    if not isinstance(value, dict):
        return []
    names = value.get("brushlabels") or value.get("polygonlabels") or value.get("labels")
    if "rle" not in value and "points" not in value:
        if "rectanglelabels" in value or "ellipselabels" in value:
            raise UnusableError("is a rectangle or an ellipse, not a mask")
        return []
    if not names:
        raise UnusableError("has no label")
    if region.get("image_rotation"):
        raise UnusableError("is on a turned image")
    mask = _brush(value, size) if "rle" in value else _polygon(value, size)
    if not run_length.area(mask):
        raise UnusableError("has a mask without area")
    return [(read_label(str(names[0]), classes, path), mask)]


def _brush(value: dict[str, Any], size: tuple[int, int]) -> Rle:
    try:
        return run_length.encode(unpack_brush(value["rle"], size))
    except ValueError as error:
        raise UnusableError(f"can't be read: {error}") from error


def _polygon(value: dict[str, Any], size: tuple[int, int]) -> Rle:
    """Corners in percent of the image."""
    points = value["points"]
    if not isinstance(points, list) or len(points) < 3 or not all(map(_is_point, points)):
        raise UnusableError("has no polygon of three points or more")
    height, width = size
    corners = np.clip(np.array(points, np.float64), 0, 100) * [width / 100, height / 100]
    return run_length.from_polygons([corners.ravel().tolist()], size)


def _is_point(point: Any) -> bool:
    return isinstance(point, list) and len(point) == 2 and all(map(is_number, point))
