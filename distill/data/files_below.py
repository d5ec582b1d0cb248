"""Files below a folder, as a person sees them: through links, and without what systems put there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container

_OF_SYSTEMS = frozenset({"@eaDir", "@Recycle", "#recycle", "$RECYCLE.BIN", "lost+found"})
"""Folders of network shares: thumbnails, and what was deleted; what else there is begins with a dot,
as macOS' `._a.jpg` does."""


def files_below(folder: Path, suffixes: Container[str]) -> list[Path]:
    """The files that end in one of these, in lower case, sorted; each folder once.

    A link leads on, unless it leads to a folder that was there already.
    """
    found: list[Path] = []
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        folders[:] = [] if real in seen else sorted(filter(_is_persons, folders))
        if real in seen:
            continue
        seen.add(real)
        paths = (Path(place, name) for name in filter(_is_persons, names))
        found += [path for path in paths if path.suffix.lower() in suffixes and path.is_file()]
    return sorted(found)


def _is_persons(name: str) -> bool:
    return not name.startswith(".") and name not in _OF_SYSTEMS
