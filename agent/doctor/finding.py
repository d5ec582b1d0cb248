"""Finding: one thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "missing"]
"""`warning`: Sfumato runs here, slower or not as well as it could. `missing`: it is not there, or
can't be used."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found.

    Attributes:
        name: of what was looked at, a word.
        said: how it is, in a line.
        command: mends it, as typed into a shell; empty where nothing is to be done, or no command
            does it.
        needed: whether Sfumato can't do without it what it is told to do here.
    """

    name: str
    state: State
    said: str
    command: str = ""
    needed: bool = False
