"""LastRun: why the agent before this one ended, told by a file that each of them leaves."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal, final

from pydantic import ValidationError

from models.strict_model import StrictModel
from models.whole_file import whole_file

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger(__name__)

_NAME = "last-run.json"
_MOST_BYTES = 4096
"""Of it. Chosen: forty times what is written."""

Ending = Literal["stopped", "restart", "fault"]
"""Asked to stop, asked to begin anew, or a fault of ours."""


class _Run(StrictModel):
    """What stands in the file.

    Attributes:
        machine_boot: names the machine's boot that it ran in.
        ending: None while it runs.
    """

    v: Literal[1] = 1
    machine_boot: str
    ending: Ending | None


@final
class LastRun:
    """A file that says how this run and the one before it ended.

    Args:
        folder: that outlives the process; None where there is none, and nothing is known.
        machine_boot: names this boot of the machine (`agent.wall_clock`).
    """

    def __init__(self, folder: Path | None, machine_boot: str) -> None:
        self._path = folder and folder / _NAME
        self._machine_boot = machine_boot

    def begin(self) -> Ending | Literal["killed", "machine"] | None:
        """A run begins; why the one before it ended, None where nobody knows.

        `killed`: it didn't come to say it. `machine`: nor did the machine, which was switched off.
        """
        before = self._read()
        self._write(None)
        if before is None:
            return None
        if before.ending is not None:
            return before.ending
        return "killed" if before.machine_boot == self._machine_boot else "machine"

    def end(self, ending: Ending) -> None:
        """It ends."""
        self._write(ending)

    def _read(self) -> _Run | None:
        if self._path is None:
            return None
        try:
            with self._path.open("rb") as file:
                return _Run.model_validate_json(file.read(_MOST_BYTES))
        except (OSError, ValidationError):  # the first run, or nobody knows
            return None

    def _write(self, ending: Ending | None) -> None:
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with whole_file(self._path) as file:
                run = _Run(machine_boot=self._machine_boot, ending=ending)
                file.write(run.model_dump_json().encode())
        except OSError as error:
            _log.warning("%s can't be written (%s)", self._path, error.strerror)
