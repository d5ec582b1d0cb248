"""Table: comparisons, a row each, and how they look on a terminal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Row:
    """How far the worst value of something is from the original's.

    Attributes:
        name: what was compared.
        worst: the greatest difference, in the unit of `tolerance`.
        tolerance: the greatest that is accepted.
    """

    name: str
    worst: float
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether it is close enough; what is not finite never is."""
        return math.isfinite(self.worst) and self.worst <= self.tolerance


def format_table(rows: Sequence[Row]) -> str:
    """A line for each row: name, difference, tolerance, verdict."""
    width = max((len(row.name) for row in rows), default=0)
    return "\n".join(
        f"{row.name:<{width}}  {row.worst:>10.3g}  {row.tolerance:>8.3g}  "
        f"{'ok' if row.ok else 'OUT OF TOLERANCE'}"
        for row in rows
    )
