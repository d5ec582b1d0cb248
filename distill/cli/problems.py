"""Problems: what was left out or mended, said without burying the rest."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def print_problems(problems: Sequence[str], most: int = 5) -> None:
    """Print the first few on standard error, and how many more there are."""
    for line in problems[:most]:
        print(line, file=sys.stderr)
    if len(problems) > most:
        print(f"... and {len(problems) - most} more", file=sys.stderr)
