"""Find an image of a data set by what other tools, and other records, call it."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from distill.data.correction import Target
from distill.data.folder import names_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from distill.data.coco import CocoDataset
    from distill.data.correction import Find


def finder(images: Sequence[Any], dataset: CocoDataset, master: Path) -> Find:
    """From an image's name elsewhere to the image of the master.

    The name that an export gave it comes first. Else either name may have folders in front that
    the other lacks, but what both have must agree.
    """
    sizes = {record.id: (record.height, record.width) for record in dataset.images}
    exported = {
        name: Target(record.id, sizes[record.id])
        for name, record in zip(names_of(dataset.images, master), dataset.images, strict=True)
    }
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
            if name in exported:
                return exported[name]
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


def with_same_file(images: Sequence[Any], ids: Collection[Any]) -> set[Any]:
    """These images' ids, and those under which their files are listed once more."""
    file_of = {
        image.get("id"): os.path.normpath(str(image.get("file_name")).replace("\\", "/"))
        for image in images
        if isinstance(image, dict)
    }
    files = {file_of[number] for number in ids}
    return {number for number, file in file_of.items() if file in files}
