"""RemoteFile: what came from afar, kept apart from the device's own file, with a copy."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pydantic import Field, JsonValue, ValidationError

from agent.config.config_digest import digest_of
from agent.errors import OutputError
from models.strict_model import StrictModel
from models.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path

NAME = "remote.json"
_COPY = "remote.copy.json"
_MOST_BYTES = 1 << 20
"""Chosen: four times the largest configuration that is read."""


class Accepted(StrictModel):
    """Sections by which the device runs."""

    rev: int = Field(ge=1)
    sections: dict[str, JsonValue]


class RemoteState(StrictModel):
    """What came of what was sent.

    Attributes:
        rev: of what was looked at last; 0: nothing was.
        digest: of its sections.
        errors: why it was refused, by key.
        accepted: what was accepted last, be it this or one before.
    """

    rev: int = Field(0, ge=0)
    digest: str = ""
    errors: dict[str, str] = Field(default_factory=dict)
    accepted: Accepted | None = None


class _Sealed(StrictModel):
    """What the file holds: a bit that fell over must not become another configuration."""

    state: RemoteState
    sha256: str


class RemoteFile:
    """`remote.json` in the state folder.

    Args:
        folder: is made where it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self.path, self._copy = folder / NAME, folder / _COPY

    def read(self) -> tuple[RemoteState, str]:
        """What was kept, and what is wrong with the file, if anything is."""
        try:
            return _read(self.path) or RemoteState(), ""
        except (OSError, ValueError) as error:
            wrong = f"{self.path} {_reason(error)}"
        try:
            copy = _read(self._copy)
        except (OSError, ValueError):
            copy = None
        if copy is None:
            return RemoteState(), f"{wrong}; its copy is of no use"
        return copy, f"{wrong}; its copy of rev {copy.rev} was taken"

    def write(self, state: RemoteState) -> None:
        """Keep another one.

        Raises:
            OutputError: it can't be written; there is what was there, or the new one.
        """
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            for path in (self.path, self._copy):  # one of both is good, whenever power fails
                _write(path, state)
        except OSError as error:
            raise OutputError(f"can't write {self.path} ({error.strerror})") from error

    def reset(self) -> RemoteState:
        """Drop what was accepted, and look at none but a newer one; what was kept before.

        Raises:
            OutputError: the file can't be read or written.
        """
        state, wrong = self.read()
        if wrong and not state.rev:
            raise OutputError(wrong)
        if state.accepted is not None:
            said = "was dropped at the device by `sfumato config reset-remote`; send a higher one"
            self.write(state.model_copy(update={"accepted": None, "errors": {"rev": said}}))
        return state


def _read(path: Path) -> RemoteState | None:
    """What a file holds; None where there is none.

    Raises:
        OSError: it can't be read.
        ValueError: it is damaged.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    sealed = _Sealed.model_validate_json(data)
    if sealed.sha256 != digest_of(sealed.state.model_dump(mode="json")):
        raise ValueError("its digest is another one")
    return sealed.state


def _write(path: Path, state: RemoteState) -> None:
    sealed = _Sealed(state=state, sha256=digest_of(state.model_dump(mode="json")))
    with whole_file(path) as file:
        os.fchmod(file.fileno(), 0o600)  # it says where cameras are
        file.write(sealed.model_dump_json(indent=1).encode())


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return f"can't be read ({error.strerror})"
    return "is damaged" if isinstance(error, ValidationError) else f"is damaged: {error}"
