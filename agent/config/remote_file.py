"""RemoteFile: what came from afar, kept apart from the device's own file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, JsonValue

from agent.errors import OutputError
from agent.sealed_file import SealedFile
from models.strict_model import StrictModel

if TYPE_CHECKING:
    from pathlib import Path

NAME = "remote.json"


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


class RemoteFile:
    """`remote.json` in the state folder.

    Args:
        folder: is made where it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._file = SealedFile(self.path, RemoteState)

    def read(self) -> tuple[RemoteState, str]:
        """What was kept, and what is wrong with the file, if anything is."""
        kept = self._file.read()
        if kept.value is None:
            return RemoteState(), kept.wrong and f"{kept.wrong}; its copy is of no use"
        copy = f"; its copy of rev {kept.value.rev} was taken"
        return kept.value, kept.wrong and kept.wrong + copy

    def write(self, state: RemoteState) -> None:
        """Keep another one.

        Raises:
            OutputError: it can't be written; there is what was there, or the new one.
        """
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file.write(state)
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
