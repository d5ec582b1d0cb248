"""Label names for tools that know no regions to ignore: the class and its band.

A person who looks through `bottle (review)` renames what is one to `bottle` and deletes the rest.
COCO's own `iscrowd` would not do: CVAT sets it for everything drawn with a brush.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from distill.errors import InputError
from models.classes import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distill.data.record import Annotation

_BANDS = ("review", "ignore")


@dataclass(frozen=True, slots=True)
class Label:
    """What a person said about a region.

    Attributes:
        class_id: index in the data set's classes.
        band: `accept`, `ignore` or `review`.
    """

    class_id: int
    band: str

    def uncounted(self) -> Label:
        """The same of a region that counts neither way."""
        return self if self.band in _BANDS else replace(self, band="ignore")


def label_names(classes: Sequence[str]) -> list[str]:
    """Every label that an export can hold: the classes, then those of each band."""
    return [*classes, *(f"{name} ({band})" for band in _BANDS for name in classes)]


def label_name(annotation: Annotation, classes: Sequence[str]) -> str:
    """An annotation's label."""
    name = classes[annotation.class_id]
    if not annotation.ignore:
        return name
    return f"{name} ({'review' if annotation.band == 'review' else 'ignore'})"


def read_label(name: str, classes: Sequence[str], path: object) -> Label:
    """The class and the band of a label.

    Raises:
        InputError: the data set has no such class.
    """
    if name in classes:
        return Label(classes.index(name), "accept")
    for band in _BANDS:
        stem = name.removesuffix(f" ({band})")
        if stem != name and stem in classes:
            return Label(classes.index(stem), band)
    close = nearest(name, label_names(classes))
    hint = f"did you mean '{close}'?" if close else f"it has {', '.join(classes[:8])}"
    raise InputError(f"{path} has the label '{name}', which the data set has not; {hint}")
