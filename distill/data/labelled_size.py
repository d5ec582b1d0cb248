"""Labelled size: whether images still are those that were labelled, as far as their headers tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distill.data.images import header_of
from distill.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from distill.data.images import Header
    from distill.data.record import ImageRecord


def as_labelled(
    records: Iterable[ImageRecord], look: Callable[[Path], Header] = header_of
) -> tuple[list[ImageRecord], list[str]]:
    """The images that can be read and still have the size that was labelled.

    Args:
        records: the images.
        look: what tells an image's size, and raises `InputError` where it can't be read.

    Returns:
        Those, and one line for each of the others. And one for all whose EXIF turns or mirrors
        them and leaves their size as it is: nobody can tell whether they were labelled so.
    """
    kept: list[ImageRecord] = []
    problems: list[str] = []
    turned: list[ImageRecord] = []
    for record in records:
        try:
            header = look(record.path)
            record.check_size(header.size)
        except InputError as error:
            problems.append(str(error))
            continue
        kept.append(record)
        if header.turned and header.size == header.stored:
            turned.append(record)
    if turned:
        problems.append(
            f"{len(turned)} images, {turned[0].path} for one, are turned or mirrored by their EXIF, "
            "which their size can't tell; their labels are taken to be of the upright image"
        )
    return kept, problems
