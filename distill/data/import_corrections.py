"""Import corrections: what people changed in a labelling tool comes back into the master.

An image that was corrected gets the person's objects in place of the machine's; every other
record stays as it is, to the letter. The old master is kept beside the new one.
"""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from distill.data import rle as run_length
from distill.data.coco import CocoDataset, read_coco_json, with_whole_numbers
from distill.data.correction import Target
from distill.data.cvat import ANNOTATIONS, read_cvat
from distill.data.json_file import parse_json, read_json, write_json
from distill.data.label_studio import read_label_studio
from distill.data.record import Annotation, annotation_json
from distill.errors import InputError
from distill.files import writing
from models.part_file import sync

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distill.data.correction import Correction, Find

_SPLITS = ("train.json", "val.json")
_SAME_IOU = 0.5
"""A mask that overlaps the machine's this much is the same object, and keeps its track;
COCO's loosest threshold."""
_MAX_JSON_BYTES = 4 << 30
"""Of JSON in a zip; more is no export of a labelling tool. Chosen, not measured."""


@dataclass(frozen=True)
class ImportResult:
    """What an import did.

    Attributes:
        corrected: images whose objects changed.
        confirmed: images that came back as they were.
        objects: objects of the corrected images now.
        kept: where the old master is; None if nothing changed.
        problems: one line for everything that was left out.
    """

    corrected: int
    confirmed: int
    objects: int
    kept: Path | None
    problems: tuple[str, ...]


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
    find = _finder(whole["images"], dataset)
    if isinstance(content, dict):
        corrections = read_cvat(content, path, dataset.classes, find, problems)
    else:
        corrections = read_label_studio(content, path, dataset.classes, find, problems)
    if not corrections:
        first = problems[0].removeprefix(f"{path}: ") if problems else "nothing was submitted"
        raise InputError(f"{path} corrects no image of {master}: {first}")
    changed = _changed(dataset, corrections)
    if not changed:
        return ImportResult(0, len(corrections), 0, None, tuple(problems))
    kept = _keep(master)
    number_of = {c["name"]: c["id"] for c in reversed(whole["categories"])}
    category_of = [number_of[name] for name in dataset.classes]
    # The master last: after a kill in between, the same command finds it unchanged and goes on.
    for name in _SPLITS:
        split = master.with_name(name)
        if split.is_file():
            _rewrite(split, read_coco_json(split), changed, category_of)
    _rewrite(master, whole, changed, category_of)
    return ImportResult(
        len(changed),
        len(corrections) - len(changed),
        sum(map(len, changed.values())),
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


def _finder(images: Sequence[Any], dataset: CocoDataset) -> Find:
    """From an image's name elsewhere to the image of the master.

    Either name may have folders in front that the other lacks, but what both have must agree.
    """
    sizes = {record.id: (record.height, record.width) for record in dataset.images}
    targets = {}
    by_end: dict[str, set[str]] = {}
    for image in images:
        if not isinstance(image, dict) or image.get("id") not in sizes:
            continue
        parts = _parts(image["file_name"])
        key = "/".join(parts)
        targets[key] = Target(image["id"], sizes[image["id"]])
        for start in range(len(parts)):
            by_end.setdefault("/".join(parts[start:]), set()).add(key)

    def find(names: Sequence[str]) -> Target | str:
        for name in names:
            parts = _parts(name)
            ends = ["/".join(parts[start:]) for start in range(len(parts))]
            found = {end for end in ends if end in targets} or by_end.get("/".join(parts), set())
            if len(found) == 1:
                return targets[found.pop()]
            if found:
                return f"{name} could be {' or '.join(sorted(found)[:2])}; it is left out"
        return f"{names[0] if names else 'an image'} is not in the data set; it is left out"

    return find


def _parts(name: str) -> list[str]:
    parts = list(PurePosixPath(name.replace("\\", "/")).parts)
    return parts[1:] if parts[:1] in (["images"], ["/"]) else parts


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


def _keep(master: Path) -> Path:
    """A copy of the master under the first free number."""
    number = 1
    while (kept := master.with_name(f"{master.name}.{number}")).exists():
        number += 1
    with writing(kept):
        shutil.copyfile(master, kept)
        sync(kept)
    return kept


def _rewrite(
    path: Path,
    whole: dict[str, Any],
    changed: dict[int, list[Annotation]],
    category_of: Sequence[int],
) -> None:
    """Replace the annotations of the changed images that this file has."""
    here = {image.get("id") for image in whole["images"] if isinstance(image, dict)}
    rest = [
        raw
        for raw in whole["annotations"]
        if not isinstance(raw, dict) or raw.get("image_id") not in changed
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
