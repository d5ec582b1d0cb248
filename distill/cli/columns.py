"""Columns: a table on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def print_columns(rows: Sequence[Sequence[object]]) -> None:
    """Print rows of as many cells each, the first column to the left, the others to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    first, *others = (max(map(len, column)) for column in zip(*cells, strict=True))
    for row in cells:
        right = [cell.rjust(width) for cell, width in zip(row[1:], others, strict=True)]
        print("  ".join([row[0].ljust(first), *right]))
