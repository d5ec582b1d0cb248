"""Label Studio: tasks with predictions to correct, and its JSON export.

Masks travel as brush regions, which hold several parts and holes exactly. A person's annotation
starts as a copy of the prediction; a task without an annotation was not looked at and is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import quoteattr

from distill.data import rle as run_length
from distill.data.brush import pack_brush
from distill.data.correction import Correction, Corrections
from distill.data.folder import copy_image, make_folder, names_of, write_text
from distill.data.json_file import write_json_list
from distill.data.label_name import label_name, label_names, read_label
from distill.data.label_studio_shape import (
    check_proportions,
    is_rectangle,
    is_shape,
    is_somewhere,
    mask_of,
)
from distill.data.segmentation import EmptyError, UnusableError

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence
    from pathlib import Path

    from distill.data.coco import CocoDataset
    from distill.data.correction import Find
    from distill.data.label_name import Label
    from distill.data.record import ImageRecord
    from distill.data.rle import Rle
    from distill.data.segmentation import Size

TASKS, CONFIG = "tasks.json", "config.xml"
_IMAGES = "images"
_NAMED_IN = ("brushlabels", "polygonlabels", "rectanglelabels", "ellipselabels", "labels")
_LOCAL = "/data/local-files/?d="
"""How Label Studio names a file below its document root; there, ours lie in `_IMAGES`."""


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
) -> Corrections:
    """Read Label Studio's JSON export: tasks that a person submitted.

    An image with a region that can't be read is left as it was.

    Args:
        tasks: the JSON file's content.
        path: for messages.
        classes: the data set's.
        find: from file names, the best first, to the data set's image.
        problems: grows by one line for everything that is left out.

    Raises:
        InputError: a label is none of the data set's.
    """
    submissions: dict[int, tuple[str, Correction | None]] = {}
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
        name = f"{path}: task {task.get('id', position)}"
        last = max(submitted, key=_when)
        if found.image_id in submissions:
            problems.append(f"{name} is of an image of a task before it; the last submitted counts")
            if _when(last) < submissions[found.image_id][0]:
                continue
        objects = _all_objects(last.get("result") or [], found.size, classes, path, name, problems)
        read = None if objects is None else Correction(found, tuple(objects))
        submissions[found.image_id] = (_when(last), read)
    usable = [read for _, read in submissions.values() if read]
    return Corrections(tuple(usable), len(submissions) - len(usable))


def _when(annotation: dict[str, Any]) -> str:
    """When an annotation was submitted; as Label Studio writes it, later ones are greater."""
    return str(annotation.get("updated_at") or "")


def _all_objects(
    result: Any,
    size: Size,
    classes: Sequence[str],
    path: Path,
    task: str,
    problems: list[str],
) -> list[tuple[Label, Rle]] | None:
    """The objects of a task; None where one can't be read."""
    if not isinstance(result, list):
        problems.append(f"{task}: its result is no list; its image is left as it was")
        return None
    # A shape and its label, or a choice about it, may be two entries of one id.
    labelled = {
        str(region["id"])
        for region in result
        if isinstance(region, dict) and "id" in region and _labels(region.get("value"))
    }
    objects: list[tuple[Label, Rle]] = []
    whole = True
    for region in result:
        try:
            new = _objects(region, labelled, size, classes, path)
        except EmptyError as reason:
            outcome = f"{reason}; it is left out"
        except UnusableError as reason:
            outcome, whole = f"{reason}; its image is left as it was", False
        else:
            objects += new
            if not new or not is_rectangle(region["value"]):
                continue
            outcome = "is a rectangle, not a mask; it becomes a region that does not count"
        number = region.get("id") if isinstance(region, dict) else region
        problems.append(f"{task}: region {number!s:.40} {outcome}")
    return objects if whole else None


def _names(data: dict[str, Any]) -> list[str]:
    """What may name the image: our own field, or what is in the address."""
    names = [data["file_name"]] if isinstance(data.get("file_name"), str) else []
    if isinstance(data.get("image"), str):
        address = urlsplit(data["image"])
        local = parse_qs(address.query).get("d")
        names += [local[0].removeprefix(f"{_IMAGES}/")] if local else [unquote(address.path)]
    return names


def _objects(
    region: Any, labelled: Container[str], size: Size, classes: Sequence[str], path: Path
) -> list[tuple[Label, Rle]]:
    """A region's mask with its label; none where it is no mask but, say, a choice.

    Args:
        region: what stands in the file.
        labelled: ids of the regions that have a label, here or in another entry.
        size: of the image.
        classes: the data set's.
        path: for messages.

    Raises:
        UnusableError: it can't be read.
        InputError: its label is none of the data set's.
    """
    if not isinstance(region, dict):
        raise UnusableError("is no JSON object")
    value = region.get("value")
    if not isinstance(value, dict) or not is_somewhere(value):
        return []
    names = _labels(value)
    if not names:
        if str(region.get("id")) in labelled:
            return []
        raise UnusableError("has no label")
    if not is_shape(value):
        raise UnusableError(f"is of the kind {region.get('type')!r:.30}, which can't be read")
    if region.get("image_rotation"):
        raise UnusableError("is on a turned image")
    check_proportions(region, size)
    mask = mask_of(value, size)
    if not run_length.area(mask):
        raise EmptyError("has a mask without area")
    label = read_label(str(names[0]), classes, path)
    # Something is there. Left out it would be background, and teach that nothing is.
    return [(label.uncounted() if is_rectangle(value) else label, mask)]


def _labels(value: Any) -> list[Any]:
    """The labels in a region's `value`, under whatever name."""
    if not isinstance(value, dict):
        return []
    named = [value.get(name) for name in _NAMED_IN]
    named += [labels for key, labels in value.items() if key.endswith("labels")]
    return next((labels for labels in named if isinstance(labels, list) and labels), [])
