"""Record reader: the records of a COCO file, one by one, and what becomes of unusable ones.

Checked by hand, because a validation library takes minutes for a million annotations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distill.data import rle as run_length
from distill.data.listed_images import ListedImages, name_of
from distill.data.record import Annotation, ImageRecord
from distill.data.segmentation import (
    EmptyError,
    UnusableError,
    box_of,
    fits,
    is_number,
    is_whole,
    mask_of,
)
from distill.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Container, Mapping
    from pathlib import Path

    from distill.data.rle import Rle
    from distill.data.segmentation import Box, Size

_NOT_COUNTED = ("ignore", "review")


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
        self._same_as: dict[int, int] = {}

    def read(self, images: list[Any], annotations: list[Any]) -> tuple[ImageRecord, ...]:
        """All images that are there, each with its objects.

        An image with an object of which nobody knows what or where it is, is left out: what is
        there would be background, and teach that nothing is.

        Raises:
            InputError: none is there, or none of its annotations can be used.
        """
        listed = ListedImages(self._path, self._folder, self._problems)
        listed.read(images)
        records, self._same_as = listed.records, listed.same_as
        if not records:
            raise InputError(self._nothing("images", len(images)))
        objects = self._annotations(annotations, records, listed.left_out)
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
            if record.id not in listed.left_out
        )

    def _annotations(
        self, annotations: list[Any], records: Mapping[int, ImageRecord], left_out: set[int]
    ) -> dict[int, list[Annotation]]:
        """The objects of each image id; `left_out` grows by images that can't be told whole."""
        objects: dict[int, list[Annotation]] = {}
        seen: dict[int, Any] = {}
        known = records.keys() | left_out
        several = set(self._same_as.values())
        tried = unusable = unwanted = nameless = 0
        for position, raw in enumerate(annotations):
            image_id, outcome = None, "it is left out"
            try:
                image_id = self._image_of(raw, known)
                if image_id in left_out:
                    continue
                class_id = self._class(raw)
                if class_id is None:
                    unwanted += 1
                    continue
                tried += 1
                self._check_repeat(raw, seen)
                annotation = self._annotation(raw, class_id, records[image_id])
                here = objects.setdefault(image_id, [])
                if image_id in several and annotation in here:
                    raise EmptyError("repeats one before it")
                here.append(annotation)
                nameless += raw.get("category_id") is None
            except UnusableError as reason:
                unusable += 1
                if image_id is not None and not isinstance(reason, EmptyError):
                    left_out.add(image_id)
                    outcome = "its image is left out"
                name = name_of("annotation", raw, position)
                self._problems.append(f"{self._path}: {name} {reason}; {outcome}")
        if nameless:
            self._problems.append(
                f"{self._path}: {nameless} annotations have no category; they are taken for the "
                "only one that the file lists"
            )
        hopeless = tried or not unwanted or records.keys() <= left_out
        if unusable and hopeless and not any(objects[key] for key in objects.keys() - left_out):
            raise InputError(self._nothing("annotations", unusable))
        return objects

    def _nothing(self, what: str, count: int) -> str:
        if not count:
            return f"{self._path} lists no {what}; there is nothing to work on"
        first = self._problems[0].removeprefix(f"{self._path}: ")
        advice = "; name the images' folder with --images" if what == "images" else ""
        return f"{self._path}: none of {count} {what} can be used; the first: {first}{advice}"

    def _image_of(self, raw: Any, known: Container[int]) -> int:
        """The id of an annotation's image."""
        if not isinstance(raw, dict):
            raise UnusableError("is no JSON object")
        image_id = raw.get("image_id")
        if not is_whole(image_id):
            raise UnusableError("has no image_id")
        image_id = self._same_as.get(image_id, image_id)
        if image_id not in known:
            raise UnusableError("belongs to an image that the file does not list")
        return image_id

    def _class(self, raw: dict[str, Any]) -> int | None:
        """An annotation's class id; None where it is not wanted."""
        category_id = raw.get("category_id")
        if category_id is None and len(self._class_of) == 1:
            (category_id,) = self._class_of
        if not is_whole(category_id) or category_id not in self._class_of:
            raise UnusableError(
                f"has category_id {category_id!r:.20}, which the file does not list"
            )
        return self._class_of[category_id]

    def _check_repeat(self, raw: dict[str, Any], seen: dict[int, Any]) -> None:
        """Leave out an exact repeat; ids are used for nothing else, so others may share one."""
        number = raw.get("id")
        if not is_whole(number):
            return
        what = tuple(map(raw.get, ("image_id", "category_id", "bbox", "segmentation")))
        if number in seen:
            if seen[number] == what:
                raise EmptyError("repeats one before it")
            self._problems.append(
                f"{self._path}: annotation {number} shares its id with another; both are used"
            )
        seen[number] = what

    def _say(self, raw: dict[str, Any], what: str) -> None:
        self._problems.append(f"{self._path}: annotation {raw.get('id')} {what}")

    def _mask(self, raw: dict[str, Any], size: Size) -> tuple[Rle | None, UnusableError | None]:
        """An annotation's mask; None where there is none that can be used, and why not."""
        if not raw.get("segmentation"):
            return None, None
        try:
            rle, bad = mask_of(raw["segmentation"], size)
        except UnusableError as error:
            return None, error
        if bad:
            self._say(raw, f"has {bad} polygons that are none; the others are used")
        return rle, None

    def _annotation(self, raw: dict[str, Any], class_id: int, image: ImageRecord) -> Annotation:
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
                faults = [fault for fault in (why, off) if fault]
                lost = [fault for fault in faults if not isinstance(fault, EmptyError)]
                raise next(iter(lost + faults), UnusableError("has neither a mask nor a box"))
            # Something is there. Left out it would be background, and teach that nothing is.
            rle = run_length.from_box(box, size)
            if not ignore:
                said = why or "has a box, but no mask"
                self._say(raw, f"{said}; its box becomes a region that does not count")
            ignore = True
        else:
            around = run_length.box(rle)
            if box and not fits(box, around):
                box, off = None, UnusableError("has a bbox that is not around its mask")
            box = box or around
            if off:
                self._say(raw, f"{off}; that of its mask is used")
        score, track_id = raw.get("score"), raw.get("track_id")
        return Annotation(
            class_id,
            box,
            rle,
            ignore,
            float(score) if is_number(score) else None,
            track_id if is_whole(track_id) else None,
            band if isinstance(band, str) else None,
        )


def _box(raw: dict[str, Any], size: Size) -> tuple[Box | None, UnusableError | None]:
    """An annotation's box; None where there is none that can be used, and why not."""
    if not raw.get("bbox"):  # an empty list says as little as none
        return None, None
    try:
        return box_of(raw["bbox"], size), None
    except UnusableError as error:
        return None, error
