"""Import result: what became of the images that a person has corrected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class ImportResult:
    """What an import did.

    Attributes:
        corrected: images whose objects changed.
        confirmed: images that came back as they were.
        objects: objects of the corrected images now, regions that don't count among them.
        uncounted: those regions.
        untouched: images that hold something which can't be read, and so are as they were.
        kept: where the old master is; None if nothing changed.
        problems: one line for everything that was left out.
    """

    corrected: int
    confirmed: int
    objects: int
    uncounted: int
    untouched: int
    kept: Path | None
    problems: tuple[str, ...]
