"""OverrideFile: where overrides outlive the process, with the copy before as a second chance."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal, final

from pydantic import Field, ValidationError

from agent.control.messages import Name  # noqa: TC001 pydantic reads the annotations
from agent.service.overrides import Overrides
from models.strict_model import StrictModel
from models.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger(__name__)

_NAME, _BEFORE = "overrides.json", "overrides.before.json"
_MOST_BYTES = 1 << 20
"""Of a file. Chosen, not measured: ten thousand streams."""


class _Document(StrictModel):
    """What stands in the file."""

    v: Literal[1] = 1
    paused: dict[Name, float | None] = Field(default_factory=dict)


@final
class OverrideFile:
    """Two files in a folder, each whole at any time.

    Args:
        folder: that outlives the process; None where there is none, and nothing is kept.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def load(self) -> Overrides:
        """What was saved last; where that is damaged, what was saved before; else nothing.

        What is wrong is logged: a stream that was paused may run.
        """
        if self._folder is None:
            return Overrides()
        for path in (self._folder / _NAME, self._folder / _BEFORE):
            try:
                document = _read(path)
            except FileNotFoundError:
                continue
            except (OSError, ValidationError) as error:
                said = error.strerror if isinstance(error, OSError) else "it is damaged"
                _log.error("%s: can't be read (%s): pauses may be lost", path, said)
                continue
            return Overrides(document.paused)
        return Overrides()

    def save(self, overrides: Overrides) -> bool:
        """Keep them; False where they will not outlive the process, which is logged."""
        if self._folder is None:
            return False
        path, before = self._folder / _NAME, self._folder / _BEFORE
        try:
            _keep(path, before)
            with whole_file(path) as file:
                file.write(_Document(paused=dict(overrides.paused)).model_dump_json().encode())
        except OSError as error:
            _log.warning(
                "%s can't be written (%s): a pause won't outlive this process", path, error.strerror
            )
            return False
        return True


def _keep(path: Path, before: Path) -> None:
    """Copy what is whole, so that there is always one that is."""
    try:
        document = _read(path)
    except (FileNotFoundError, ValidationError):
        return
    with whole_file(before) as file:
        file.write(document.model_dump_json().encode())


def _read(path: Path) -> _Document:
    with path.open("rb") as file:
        return _Document.model_validate_json(file.read(_MOST_BYTES))
