"""Listed images: the images of a COCO file, each file once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeGuard

from distill.data.images import size_of
from distill.data.record import ImageRecord
from distill.data.segmentation import UnusableError, is_whole
from distill.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Container
    from pathlib import Path

_MAX_SIDE_PX = (1 << 16) - 1
"""Of an image; JPEG allows no more, and a size beyond is a damaged record."""


class ListedImages:
    """Reads a file's images; what is wrong is added to `problems`.

    Attributes:
        records: by id, without objects.
        same_as: by the id of an image whose file was listed before, the id that it had there.
        left_out: ids of images that can't be used.
    """

    def __init__(self, path: Path, folder: Path, problems: list[str]) -> None:
        """Begin with none.

        Args:
            path: the COCO file, for messages.
            folder: of `file_name`.
            problems: grows by one line for each image that is left out or joined with another.
        """
        self.records: dict[int, ImageRecord] = {}
        self.same_as: dict[int, int] = {}
        self.left_out: set[int] = set()
        self._path, self._folder, self._problems = path, folder, problems

    def read(self, images: list[Any]) -> None:
        """Take what is there of these."""
        first_of: dict[str, ImageRecord] = {}
        known: set[int] = set()
        for position, raw in enumerate(images):
            try:
                record = self._image(raw, known)
                first = first_of.setdefault(os.path.normpath(record.path), record)
                if first is record:
                    self.records[record.id] = record
                else:
                    self._join(record, first)
                known.add(record.id)
            except UnusableError as reason:
                name = name_of("image", raw, position)
                self._problems.append(
                    f"{self._path}: {name} {reason}; it is left out with its objects"
                )
                if isinstance(raw, dict) and is_whole(raw.get("id")):
                    self.left_out.add(raw["id"])
        self.left_out -= known

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

    def _join(self, record: ImageRecord, first: ImageRecord) -> None:
        """Two images of one file are one: else what is labelled in one is background in the other."""
        if (record.width, record.height) != (first.width, first.height):
            raise UnusableError(f"is image {first.id} once more, of another size")
        self.same_as[record.id] = first.id
        self._problems.append(
            f"{self._path}: images {first.id} and {record.id} are one file; they are read as one"
        )


def name_of(kind: str, raw: Any, position: int) -> str:
    """How a message calls a record: by its id, or else by its place in the file."""
    number = raw.get("id") if isinstance(raw, dict) else None
    return f"{kind} {number}" if is_whole(number) else f"{kind} at place {position + 1}"


def _is_side(value: Any) -> TypeGuard[int]:
    return type(value) is int and 0 < value <= _MAX_SIDE_PX
