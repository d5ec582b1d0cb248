"""Labelled size: whether images still are those that were labelled, as far as their headers tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distill.data.images import header_of
from distill.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from distill.data.record import ImageRecord


def size_problems(records: Iterable[ImageRecord]) -> list[str]:
    """One line for each image that can't be read or has another size than its labels.

    And one for all whose EXIF turns or mirrors them and leaves their size as it is: nobody can
    tell whether they were labelled so.
    """
    problems: list[str] = []
    turned: list[ImageRecord] = []
    for record in records:
        try:
            header = header_of(record.path)
            record.check_size(header.size)
        except InputError as error:
            problems.append(str(error))
            continue
        if header.turned and header.size == header.stored:
            turned.append(record)
    if turned:
        problems.append(
            f"{len(turned)} images, {turned[0].path} for one, are turned or mirrored by their EXIF, "
            "which their size can't tell; their labels are taken to be of the upright image"
        )
    return problems
