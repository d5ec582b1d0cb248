"""SealedFile: a value in JSON beside its digest, kept twice: no power cut, no bad disk changes it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from pydantic import JsonValue, ValidationError

from models.digest import json_sha256
from models.strict_model import StrictModel
from models.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path

Value = TypeVar("Value", bound=StrictModel)

_MOST_BYTES = 1 << 20
"""Chosen: four times the largest configuration that is read, and eight times a record of models
that remembers as much as it may."""


@dataclass(frozen=True, slots=True)
class Kept(Generic[Value]):
    """What was found.

    Attributes:
        value: the file's, or its copy's; None: neither has one.
        wrong: why it isn't the file's, from the file's path on; "" if it is, or if nothing was kept.
    """

    value: Value | None
    wrong: str


class _Sealed(StrictModel):
    """What the file holds: a bit that fell over must not become another value."""

    state: JsonValue
    sha256: str


class SealedFile(Generic[Value]):
    """One file and its copy, for their owner alone.

    Args:
        path: ends in `.json`; the copy lies beside it, as `.copy.json`.
        kind: of the value.
    """

    def __init__(self, path: Path, kind: type[Value]) -> None:
        self.path, self._copy = path, path.with_suffix(".copy.json")
        self._kind = kind

    def read(self) -> Kept[Value]:
        """What was kept."""
        wrong = ""
        try:
            return Kept(self._read(self.path), "")
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            wrong = f"{self.path} {_reason(error)}"
        try:
            copy = self._read(self._copy)
        except (OSError, ValueError):
            return Kept(None, wrong)
        return Kept(copy, wrong or f"{self.path} is missing")

    def write(self, value: Value) -> None:
        """Keep another one; it is on the disk when this returns.

        Raises:
            OSError: it can't be written; there is what was there, or the new one.
        """
        state = value.model_dump(mode="json")
        sealed = _Sealed(state=state, sha256=json_sha256(state)).model_dump_json(indent=1)
        for path in (self.path, self._copy):  # one of both is good, whenever power fails
            with whole_file(path) as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(sealed.encode())

    def _read(self, path: Path) -> Value:
        with path.open("rb") as file:
            sealed = _Sealed.model_validate_json(file.read(_MOST_BYTES + 1))
        if sealed.sha256 != json_sha256(sealed.state):
            raise ValueError("its digest is another one")
        return self._kind.model_validate(sealed.state)


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return f"can't be read ({error.strerror})"
    return "is damaged" if isinstance(error, ValidationError) else f"is damaged: {error}"
