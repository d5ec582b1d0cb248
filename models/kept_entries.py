"""KeptEntries: a small file of what was found out, by key, which may be lost at any time."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class KeptEntries:
    """A file that need not be there, nor whole, nor in a place that can be written.

    Attributes:
        path: of it; its folder is made.
        name: what the entries are called in it.
        version: of the file; one of another version is as good as none.
        most: entries; the oldest give way.
        most_bytes: of the file that are read, several times what is written.
    """

    path: Path
    name: str
    version: int
    most: int
    most_bytes: int

    def read(self) -> dict[str, Any]:
        """All entries, unchecked, the oldest first."""
        try:
            with self.path.open("rb") as file:
                document = json.loads(file.read(self.most_bytes))
        except (OSError, ValueError, RecursionError):  # ValueError: it is no JSON, or no text
            return {}
        known = isinstance(document, dict) and document.get("v") == self.version
        entries = document.get(self.name) if known else None
        return entries if isinstance(entries, dict) else {}

    def put(self, key: str, said: Any) -> None:
        """Write an entry, if that can be done; None leaves it out."""
        kept = [(old, each) for old, each in self.read().items() if old != key]
        new = [] if said is None else [(key, said)]
        document = {"v": self.version, self.name: dict([*kept, *new][-self.most :])}
        with suppress(OSError):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with whole_file(self.path) as file:
                file.write(json.dumps(document, indent=1).encode())
