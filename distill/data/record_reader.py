"""Record reader: the records of a COCO file, one by one, and what becomes of unusable ones.

Checked by hand, because a validation library takes minutes for a million annotations.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeGuard

from distill.data import rle as run_length
from distill.data.images import size_of
from distill.data.record import Annotation, ImageRecord
from distill.data.segmentation import UnusableError, box_of, is_number, is_whole, mask_of
from distill.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Container, Mapping
    from pathlib import Path

    from distill.data.rle import Rle
    from distill.data.segmentation import Size

    Box = tuple[float, float, float, float]

_NOT_COUNTED = ("ignore", "review")
_MAX_SIDE_PX = (1 << 16) - 1
"""Of an image; JPEG allows no more, and a size beyond is a damaged record."""


class RecordReader:
    """Reads a file's images and annotations; what is wrong is added to `problems`.

    Args:
        path: the file, for messages.
        images: the folder of `file_name`.
        class_of: the class id of each category id; None where the class is not wanted.
        problems: grows by one line for each record that is left out or mended.
    """

    def __init__(
        self,
        path: Path,
        images: Path,
        class_of: Mapping[int, int | None],
        problems: list[str],
    ) -> None:
        self._path = path
        self._folder = images
        self._class_of = class_of
        self._problems = problems

    def read(self, images: list[Any], annotations: list[Any]) -> tuple[ImageRecord, ...]:
        """All images that are there, each with its objects.

        Raises:
            InputError: none is there, or none of its annotations can be used.
        """
        records: dict[int, ImageRecord] = {}
        left_out: set[int] = set()
        for position, raw in enumerate(images):
            name = _name("image", raw, position)
            try:
                record = self._image(raw, records)
                records[record.id] = record
            except UnusableError as reason:
                self._problems.append(
                    f"{self._path}: {name} {reason}; it is left out with its objects"
                )
                if isinstance(raw, dict) and is_whole(raw.get("id")):
                    left_out.add(raw["id"])
        if not records:
            raise InputError(self._nothing("images", len(images)))
        objects = self._annotations(annotations, records, left_out - set(records))
        return tuple(
            ImageRecord(
                record.id,
                record.path,
                record.width,
                record.height,
                record.clip,
                record.frame,
                tuple(objects.get(record.id, ())),
            )
            for record in records.values()
        )

    def _annotations(
        self, annotations: list[Any], records: Mapping[int, ImageRecord], left_out: set[int]
    ) -> dict[int, list[Annotation]]:
        """The objects of each image id."""
        objects: dict[int, list[Annotation]] = {}
        seen: dict[int, Any] = {}
        tried = used = unusable = 0
        for position, raw in enumerate(annotations):
            try:
                image_id, class_id = self._belongs(raw)
                if class_id is None or image_id in left_out:
                    continue
                tried += 1
                self._check_repeat(raw, seen)
                annotation = self._annotation(raw, class_id, records.get(image_id))
                objects.setdefault(image_id, []).append(annotation)
                used += 1
            except UnusableError as reason:
                unusable += 1
                name = _name("annotation", raw, position)
                self._problems.append(f"{self._path}: {name} {reason}; it is left out")
        if (tried and not used) or (annotations and unusable == len(annotations)):
            raise InputError(self._nothing("annotations", unusable))
        return objects

    def _nothing(self, what: str, count: int) -> str:
        if not count:
            return f"{self._path} lists no {what}; there is nothing to work on"
        first = self._problems[0].removeprefix(f"{self._path}: ")
        advice = "; name the images' folder with --images" if what == "images" else ""
        return f"{self._path}: none of {count} {what} can be used; the first: {first}{advice}"

    def _image(self, raw: Any, before: Container[int]) -> ImageRecord:
        if not isinstance(raw, dict) or not is_whole(raw.get("id")):
            raise UnusableError("has no whole number as id")
        if raw["id"] in before:
            raise UnusableError("has the id of an image before it")
        file_name = raw.get("file_name")
        if not isinstance(file_name, str) or not file_name:
            raise UnusableError("has no file_name")
        path = self._folder / file_name
        if not os.path.isfile(path):  # noqa: PTH113  Path.is_file raises for impossible names
            path = self._folder / file_name.replace("\\", "/")
            if not os.path.isfile(path):  # noqa: PTH113
                raise UnusableError(f"is not there as {path}")
        width, height = raw.get("width"), raw.get("height")
        if not _is_side(width) or not _is_side(height):
            try:
                width, height = size_of(path)
            except InputError as error:
                raise UnusableError(f"has no size, and {error}") from error
        clip, frame = raw.get("clip"), raw.get("frame")
        return ImageRecord(
            raw["id"],
            path,
            width,
            height,
            clip if isinstance(clip, str) else None,
            frame if is_whole(frame) else None,
            (),
        )

    def _belongs(self, raw: Any) -> tuple[int, int | None]:
        """An annotation's image id, and its class id if that is wanted."""
        if not isinstance(raw, dict):
            raise UnusableError("is no JSON object")
        image_id, category_id = raw.get("image_id"), raw.get("category_id")
        if not is_whole(image_id):
            raise UnusableError("has no image_id")
        if not is_whole(category_id) or category_id not in self._class_of:
            raise UnusableError(
                f"has category_id {category_id!r:.20}, which the file does not list"
            )
        return image_id, self._class_of[category_id]

    def _check_repeat(self, raw: dict[str, Any], seen: dict[int, Any]) -> None:
        """Leave out an exact repeat; ids are used for nothing else, so others may share one."""
        number = raw.get("id")
        if not is_whole(number):
            return
        what = tuple(map(raw.get, ("image_id", "category_id", "bbox", "segmentation")))
        if number in seen:
            if seen[number] == what:
                raise UnusableError("repeats one before it")
            self._problems.append(
                f"{self._path}: annotation {number} shares its id with another; both are used"
            )
        seen[number] = what

    def _say(self, raw: dict[str, Any], what: str) -> None:
        self._problems.append(f"{self._path}: annotation {raw.get('id')} {what}")

    def _mask(self, raw: dict[str, Any], size: Size) -> tuple[Rle | None, str]:
        """An annotation's mask; None where there is none that can be used, and why not."""
        if not raw.get("segmentation"):
            return None, ""
        try:
            rle, bad = mask_of(raw["segmentation"], size)
        except UnusableError as error:
            return None, str(error)
        if bad:
            self._say(raw, f"has {bad} polygons that are none; the others are used")
        return rle, ""

    def _annotation(
        self, raw: dict[str, Any], class_id: int, image: ImageRecord | None
    ) -> Annotation:
        if image is None:
            raise UnusableError("belongs to an image that the file does not list")
        size = (image.height, image.width)
        band = raw.get("band")
        crowd = raw.get("iscrowd") or 0
        ignore = crowd != 0 or band in _NOT_COUNTED
        if crowd not in (0, 1):
            self._say(raw, f"has iscrowd {crowd!r:.20}, not 0 or 1; it does not count")
        rle, why = self._mask(raw, size)
        box, off = _box(raw, size)
        if rle is None:
            if box is None:
                raise UnusableError(why or off or "has neither a mask nor a box")
            # Something is there. Left out it would be background, and teach that nothing is.
            rle = run_length.from_box(box, size)
            if not ignore:
                why = why or "has a box, but no mask"
                self._say(raw, f"{why}; its box becomes a region that does not count")
            ignore = True
        elif off:
            self._say(raw, f"{off}; that of its mask is used")
        score, track_id = raw.get("score"), raw.get("track_id")
        return Annotation(
            class_id,
            box or run_length.box(rle),
            rle,
            ignore,
            float(score) if is_number(score) else None,
            track_id if is_whole(track_id) else None,
            band if isinstance(band, str) else None,
        )


def _box(raw: dict[str, Any], size: Size) -> tuple[Box | None, str]:
    """An annotation's box; None where there is none that can be used, and why not."""
    if not raw.get("bbox"):  # an empty list says as little as none
        return None, ""
    try:
        return box_of(raw["bbox"], size), ""
    except UnusableError as error:
        return None, str(error)


def _name(kind: str, raw: Any, position: int) -> str:
    """How a message calls a record: by its id, or else by its place in the file."""
    number = raw.get("id") if isinstance(raw, dict) else None
    return f"{kind} {number}" if is_whole(number) else f"{kind} at place {position + 1}"


def _is_side(value: Any) -> TypeGuard[int]:
    return type(value) is int and 0 < value <= _MAX_SIDE_PX
