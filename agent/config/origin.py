"""Origin: where a value of the configuration came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from.

    Attributes:
        kind: the file, its section `defaults`, or what is built in.
        line: in the file, from 1; None where it is built in.
    """

    kind: Literal["file", "defaults", "default"]
    line: int | None = None

    def __str__(self) -> str:
        if self.kind == "default":
            return "default"
        return ("file" if self.kind == "file" else "defaults section,") + f" line {self.line}"


BUILT_IN = Origin("default")
