"""Folders that other tools read: the names of images in them, and their files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from distill.errors import OutputError
from distill.files import reading, writing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distill.data.record import ImageRecord


def names_of(records: Sequence[ImageRecord], path: Path) -> list[str]:
    """A name for each image that tells it from the others, such as `clip/000012.jpg`.

    It is the image's path below the folder `images` beside the JSON file, or below the closest
    folder that holds them all, so that corrections find their image again.
    """
    paths = [Path(os.path.abspath(record.path)) for record in records]  # noqa: PTH100  `..` goes
    beside = Path(os.path.abspath(path)).parent / "images"  # noqa: PTH100
    root = beside
    if not all(image.is_relative_to(beside) for image in paths):
        root = Path(os.path.commonpath([image.parent for image in paths]))
    return [image.relative_to(root).as_posix() for image in paths]


def make_folder(folder: Path) -> None:
    """Make a folder that is empty or not there yet.

    Raises:
        OutputError: it can't be made, or holds something that might be lost.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise OutputError(f"{folder} is not empty; name a new folder")


def copy_image(source: Path, target: Path) -> None:
    """Put an image into another folder, too, and no link: what a tool does to it stays there.

    Ultralytics, for one, writes a JPEG that lacks its end anew, in place.

    Raises:
        InputError: it can't be read.
        OutputError: it can't be written.
    """
    with reading(source):
        file = source.open("rb")
    with file, writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as copy:
            shutil.copyfileobj(file, copy)


def write_text(path: Path, text: str) -> None:
    """Write a small file.

    Raises:
        OutputError: it can't be written.
    """
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file that is made in memory.

    Raises:
        OutputError: it can't be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
