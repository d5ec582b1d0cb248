"""One colour for each class, the same in every picture of a run. Red is kept for whole covers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

RGB = tuple[int, int, int]

ALARM: RGB = (214, 39, 40)

_CLASSES: tuple[RGB, ...] = (
    (31, 144, 228),
    (245, 158, 11),
    (16, 172, 120),
    (157, 102, 234),
    (20, 184, 200),
    (190, 170, 20),
    (214, 110, 190),
    (150, 117, 96),
)


def class_colours(labels: Iterable[str]) -> dict[str, RGB]:
    """A colour for each label, in the order in which they first appear."""
    return {label: _CLASSES[i % len(_CLASSES)] for i, label in enumerate(dict.fromkeys(labels))}
