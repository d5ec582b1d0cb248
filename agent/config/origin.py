"""Origin: where a value of the configuration came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from.

    Attributes:
        kind: the file, its section `defaults`, what was sent from afar, a command such as `pause`,
            or what is built in.
        line: in the file, from 1; None where it stands in none.
    """

    kind: Literal["file", "defaults", "remote", "override", "default"]
    line: int | None = None

    def __str__(self) -> str:
        if self.line is None:
            return self.kind
        return ("file" if self.kind == "file" else "defaults section,") + f" line {self.line}"


BUILT_IN = Origin("default")
