"""Import corrections: what people changed in a labelling tool comes back into the master.

An image that was corrected gets the person's objects in place of the machine's; every other
record stays as it is, to the letter. The old master is kept beside the new one.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill.data import rle as run_length
from distill.data.coco import CocoDataset, category_ids, read_coco_json, with_whole_numbers
from distill.data.cvat import ANNOTATIONS, read_cvat
from distill.data.find_image import finder, with_same_file
from distill.data.import_result import ImportResult
from distill.data.json_file import parse_json, read_json, write_json
from distill.data.kept_file import keep
from distill.data.label_studio import read_label_studio
from distill.data.record import Annotation, annotation_json
from distill.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distill.data.correction import Correction

_SPLITS = ("train.json", "val.json")
_SAME_IOU = 0.5
"""A mask that overlaps the machine's this much is the same object, and keeps its track;
COCO's loosest threshold."""
_MAX_JSON_BYTES = 4 << 30
"""Of JSON in a zip; more is no export of a labelling tool. Chosen, not measured."""


def import_corrections(path: Path, master: Path) -> ImportResult:
    """Put corrections into a data set, and into train.json and val.json beside it.

    Args:
        path: CVAT's COCO 1.0 (zip or JSON), or Label Studio's JSON.
        master: the data set's annotations.json.

    Raises:
        InputError: either can't be read, a label is unknown, or no image is the data set's.
        OutputError: the master can't be written; it stays as it was.
    """
    dataset = CocoDataset.read(master)
    whole = read_coco_json(master)
    problems: list[str] = []
    content = _content(path)
    find = finder(whole["images"], dataset, master)
    if isinstance(content, dict):
        corrections = read_cvat(content, path, dataset.classes, find, problems)
    else:
        corrections = read_label_studio(content, path, dataset.classes, find, problems)
    if not corrections.images:
        first = problems[0].removeprefix(f"{path}: ") if problems else "nothing was submitted"
        raise InputError(f"{path} corrects no image of {master}: {first}")
    images, untouched = corrections.images, corrections.untouched
    changed = _changed(dataset, images)
    if not changed:
        return ImportResult(0, len(images), 0, 0, untouched, None, tuple(problems))
    kept = keep(master)
    category_of = category_ids(whole, dataset.classes)
    # The master last: after a kill in between, the same command finds it unchanged and goes on.
    for name in _SPLITS:
        split = master.with_name(name)
        if split.is_file():
            _rewrite(split, read_coco_json(split), changed, category_of)
    _rewrite(master, whole, changed, category_of)
    return ImportResult(
        len(changed),
        len(images) - len(changed),
        sum(map(len, changed.values())),
        sum(one.ignore for objects in changed.values() for one in objects),
        untouched,
        kept,
        tuple(problems),
    )


def _content(path: Path) -> Any:
    """The JSON of an export, checked to be one that can be read."""
    if not zipfile.is_zipfile(path):
        content = read_json(path)
    else:
        try:
            with zipfile.ZipFile(path) as archive:
                names = [name for name in archive.namelist() if name.endswith(".json")]
                if ANNOTATIONS in names:
                    names = [ANNOTATIONS]
                if len(names) != 1:
                    raise InputError(f"{path} holds {len(names)} JSON files; name the right one")
                if archive.getinfo(names[0]).file_size > _MAX_JSON_BYTES:
                    raise InputError(f"{path}: {names[0]} is larger than any export")
                content = parse_json(archive.read(names[0]), Path(f"{path}/{names[0]}"))
        except (OSError, zipfile.BadZipFile) as error:
            raise InputError(f"{path} is a damaged zip; export it again") from error
    if isinstance(content, dict) and all(
        isinstance(content.get(part), list) for part in ("images", "annotations", "categories")
    ):
        return with_whole_numbers(content)
    if isinstance(content, list) and all(
        isinstance(task, dict) and isinstance(task.get("data"), dict) for task in content
    ):
        return content
    raise InputError(
        f"{path} is neither CVAT's COCO 1.0 nor Label Studio's JSON (not JSON-MIN); export it so"
    )


def _changed(
    dataset: CocoDataset, corrections: Sequence[Correction]
) -> dict[int, list[Annotation]]:
    """The new objects of each image id that is not as it was."""
    before = {record.id: record.annotations for record in dataset.images}
    changed = {}
    for correction in corrections:
        old = before.get(correction.target.image_id, ())
        new = []
        for label, rle in correction.objects:
            ignore = label.band != "accept"
            box = run_length.box(rle)
            new.append(Annotation(label.class_id, box, rle, ignore, band=label.band))
        if sorted(map(_essence, old)) != sorted(map(_essence, new)):
            changed[correction.target.image_id] = _with_tracks(new, old)
    return changed


def _essence(annotation: Annotation) -> tuple[int, bool, bool, str]:
    """What makes two annotations the same for a person."""
    review = annotation.ignore and annotation.band == "review"
    return (annotation.class_id, annotation.ignore, review, annotation.rle.counts)


def _with_tracks(new: Sequence[Annotation], old: Sequence[Annotation]) -> list[Annotation]:
    """New annotations with the tracks of the old ones that they overlap most."""
    table = run_length.overlaps([a.rle for a in new], [a.rle for a in old])
    result = []
    for row, annotation in zip(table, new, strict=True):
        best = int(row.argmax()) if len(row) else -1
        track_id = old[best].track_id if best >= 0 and row[best] >= _SAME_IOU else None
        result.append(
            Annotation(
                annotation.class_id,
                annotation.box,
                annotation.rle,
                annotation.ignore,
                None,
                track_id,
                annotation.band,
            )
        )
    return result


def _rewrite(
    path: Path,
    whole: dict[str, Any],
    changed: dict[int, list[Annotation]],
    category_of: Sequence[int],
) -> None:
    """Replace the annotations of the changed images that this file has."""
    here = {image.get("id") for image in whole["images"] if isinstance(image, dict)}
    gone = with_same_file(whole["images"], here & changed.keys())
    rest = [
        raw
        for raw in whole["annotations"]
        if not isinstance(raw, dict) or raw.get("image_id") not in gone
    ]
    number = max((raw["id"] for raw in rest if isinstance(raw, dict) and "id" in raw), default=0)
    for image_id, objects in changed.items():
        if image_id not in here:
            continue
        for annotation in objects:
            number += 1
            record = annotation_json(annotation, number, image_id)
            rest.append({**record, "category_id": category_of[annotation.class_id]})
    head = {key: value for key, value in whole.items() if key not in ("images", "annotations")}
    write_json(path, head, {"images": whole["images"], "annotations": rest})
