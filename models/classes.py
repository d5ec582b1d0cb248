"""Class names: what a network knows, and what a person asks for.

Names are for people; a network knows numbers. Several classes may have one name, and whoever asks
for the name means all of them: what was not hidden because of a second number would be shown.
"""

from __future__ import annotations

import csv
import unicodedata
from typing import TYPE_CHECKING, Any

from pydantic import Field

from models.errors import UnknownClassError
from models.strict_model import StrictModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MAX_CLASSES = 10_000
"""More than any detector knows; a bound for what is read from files."""

_MAX_NAME = 200


class ClassSpec(StrictModel):
    """A class that a bundle offers to hide."""

    id: int = Field(ge=0, lt=MAX_CLASSES, description="the network's own class id")
    name: str = Field(min_length=1, max_length=_MAX_NAME, pattern=r"^[^\x00-\x1f]+$")


def class_specs(names: Iterable[Any]) -> tuple[ClassSpec, ...]:
    """Classes of a network's own names, by their number: whatever they are, each can be asked for.

    What can't be printed and every run of blanks becomes one blank; what has no name left is
    called after its number.
    """
    return tuple(
        ClassSpec(id=i, name=_printable(str(name)) or f"class {i}") for i, name in enumerate(names)
    )


def _printable(name: str) -> str:
    shown = "".join(letter if letter.isprintable() else " " for letter in name)
    return " ".join(shown.split())[:_MAX_NAME].strip()


def _same(name: str) -> str:
    """What two names share that a person takes for one.

    Case, blanks, Unicode's forms and double quotes aside: those may be the name's own or its quotes.
    """
    plain = unicodedata.normalize("NFKC", _printable(name.replace('"', ""))).casefold()
    words = plain.split(",")
    return ",".join(word.strip() for word in words)


def split_names(text: str) -> tuple[str, ...]:
    """Names between commas; one that has a comma stands in double quotes: `car,"cup, paper"`.

    Raises:
        ValueError: a quote is open.
    """
    try:
        (names,) = csv.reader([text], skipinitialspace=True, strict=True)
    except (csv.Error, ValueError) as error:
        raise ValueError(
            f'can\'t tell the names in {text[:80]!r}; write them like car,"cup, paper"'
        ) from error
    return tuple(name.strip() for name in names)


def joined_names(names: Iterable[str]) -> str:
    """What `split_names` reads, with a blank after each comma; each name once."""
    return ", ".join(
        '"' + name.replace('"', '""') + '"' if "," in name or name.startswith('"') else name
        for name in dict.fromkeys(names)
    )


def shortened(names: Iterable[str], most: int = 6) -> str:
    """The first few names, for a message."""
    every = list(dict.fromkeys(names))
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return joined_names(every[:most]) + more


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a mistyped one most likely meant, or None if none comes near.

    At least half of the letters must agree in order (chosen, not measured).
    """
    import difflib  # noqa: PLC0415 only where a name is mistyped

    by_lower = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    return by_lower[close[0]] if close else None


def choose(names: Sequence[str], known: Sequence[ClassSpec]) -> tuple[ClassSpec, ...]:
    """All classes of these names, in the order of `names`.

    Case, blanks around a name, double quotes and the way its accents are stored don't matter.
    Neighbours that make the name of a class with a comma between them mean that class, too: who
    forgot the quotes.

    Raises:
        UnknownClassError: there is no such class; the message names the nearest.
    """
    by_name: dict[str, list[ClassSpec]] = {}
    for spec in known:
        by_name.setdefault(_same(spec.name), []).append(spec)
    chosen: list[ClassSpec] = []
    meant: set[int] = set()
    for first, last in _neighbours(
        len(names), max((name.count(",") for name in by_name), default=0)
    ):
        if found := by_name.get(_same(",".join(names[first : last + 1]))):
            chosen += found
            meant |= set(range(first, last + 1))
    for i, name in enumerate(names):
        if i not in meant:
            hint = _hint(name, [spec.name for spec in known])
            raise UnknownClassError(f"the model has no class '{name}'; {hint}")
    return tuple(dict.fromkeys(chosen))


def _neighbours(count: int, most: int) -> Iterator[tuple[int, int]]:
    """First and last of every run of up to `most` + 1 of `count` things, in order of the first."""
    for first in range(count):
        for last in range(first, min(count, first + most + 1)):
            yield first, last


def _hint(name: str, known: Sequence[str]) -> str:
    close = nearest(name, known)
    return f"did you mean '{close}'?" if close else f"it knows {shortened(known, 8)}"
