"""Class names: what a network knows, and what a person asks for."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from pydantic import Field

from models.errors import UnknownClassError
from models.strict_model import StrictModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_CLASSES = 10_000
"""More than any detector knows; a bound for what is read from files."""


class ClassSpec(StrictModel):
    """A class that a bundle offers to hide."""

    id: int = Field(ge=0, lt=MAX_CLASSES, description="the network's own class id")
    name: str = Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a mistyped one most likely meant, or None if none comes near.

    At least half of the letters must agree in order (chosen, not measured).
    """
    by_lower = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    return by_lower[close[0]] if close else None


def choose(names: Sequence[str], known: Sequence[ClassSpec]) -> tuple[ClassSpec, ...]:
    """The classes of these names, in the order of `names`.

    Raises:
        UnknownClassError: there is no such class; the message names the nearest.
    """
    by_name = {spec.name: spec for spec in known}
    chosen = []
    for name in names:
        if name not in by_name:
            close = nearest(name, by_name)
            hint = f"did you mean '{close}'?" if close else f"it knows {_some(by_name)}"
            raise UnknownClassError(f"the model has no class '{name}'; {hint}")
        chosen.append(by_name[name])
    return tuple(dict.fromkeys(chosen))


def _some(names: Iterable[str], most: int = 8) -> str:
    """The first few names, for a message."""
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more
