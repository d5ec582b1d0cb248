"""RemoteConfig: which configuration a device runs by, when one may also be sent from afar."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from agent.config.loading import Loaded, load
from agent.config.overlay import UnfitError, overlaid
from agent.config.remote_file import NAME, Accepted, RemoteFile, RemoteState
from agent.errors import OutputError
from models.digest import json_sha256

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic import JsonValue

    from agent.config.secrets import Secrets
    from agent.control.messages import ConfigDesired


@dataclass(frozen=True, slots=True)
class _Candidate:
    """What is run by once it is accepted.

    Attributes:
        misfit: why what was accepted before isn't a part of it, by key.
        is_offered: it has just been sent, and is kept with its acceptance.
    """

    local: Loaded
    loaded: Loaded
    state: RemoteState
    misfit: Mapping[str, str] = field(default_factory=dict)
    is_offered: bool = False


class RemoteConfig:
    """The device's own file, and over it what was sent and accepted.

    `load` and `offer` say what could be run by. It becomes what is run by with `accept`; with
    neither of `accept` and `refuse` all stays as it was. To be used from one thread.

    Args:
        path: the device's own file.
        secrets: see `load` in `agent.config.loading`.
        state: folder where what was sent is kept.
    """

    def __init__(self, path: Path, secrets: Secrets | None, state: Path) -> None:
        self._path, self._secrets = path, secrets
        self._file = RemoteFile(state)
        self._now: _Candidate | None = None
        self._next: _Candidate | None = None
        self._complaint: dict[str, str] = {}
        self._file_fault = ""

    @property
    def rev(self) -> int:
        """Of what was sent and looked at last; 0: nothing was."""
        return self._now.state.rev if self._now else 0

    @property
    def applied(self) -> bool:
        """Whether the device runs by it."""
        if self._now is None or self._now.misfit:
            return False
        accepted = self._now.state.accepted
        return accepted is not None and accepted.rev == self.rev

    @property
    def errors(self) -> dict[str, str]:
        """What is wrong with what was sent, by key, and with the file that keeps it."""
        of_file = {NAME: self._file_fault} if self._file_fault else {}
        if self._now is None:
            return of_file
        return {**self._now.state.errors, **self._now.misfit, **self._complaint, **of_file}

    def load(self) -> Loaded:
        """Read the device's own file anew, with what was accepted over it as far as it fits.

        Raises:
            UsageError: the file is invalid.
        """
        local = load(self._path, self._secrets)
        state, self._file_fault = self._file.read()
        self._next = _Candidate(local, local, state)
        if state.accepted is not None:
            try:
                loaded = overlaid(local, state.accepted.sections)
                self._next = replace(self._next, loaded=loaded)
            except UnfitError as error:
                self._next = replace(self._next, misfit=error.errors)
        return self._next.loaded

    def offer(self, desired: ConfigDesired) -> Loaded | None:
        """What was sent, over the file as it was accepted last; None: it is known already.

        Raises:
            UnfitError: it can't be, and was noted so that it isn't tried again.
        """
        now = self._accepted()
        sections = _sections(desired)
        digest = json_sha256({**sections})
        self._complaint = {}
        if desired.rev == now.state.rev and digest == now.state.digest:
            return None
        if desired.rev <= now.state.rev:
            self._complaint = {"rev": _known(desired.rev, now.state.rev)}
            raise UnfitError(self._complaint)
        state = RemoteState(rev=desired.rev, digest=digest)
        self._next = _Candidate(now.local, now.local, state, is_offered=True)
        try:
            loaded = overlaid(now.local, sections)
        except UnfitError as error:
            self.refuse(error.errors)
            raise
        accepted = Accepted(rev=desired.rev, sections=sections)
        state = state.model_copy(update={"accepted": accepted})
        self._next = replace(self._next, loaded=loaded, state=state)
        return loaded

    def accept(self) -> None:
        """What was loaded or offered last is run by; an offer is kept for the next start."""
        if self._next is None:
            return
        self._now, self._next = self._next, None
        if self._now.is_offered:
            self._keep(self._now.state)

    def refuse(self, errors: Mapping[str, str]) -> Loaded:
        """What was loaded or offered last doesn't fit, for reasons that only the agent knows.

        Returns:
            What to run by instead: after `offer` what is run by already; after `load` the device's
            own file alone, which is to be accepted.
        """
        if self._next is not None and not self._next.is_offered:
            local = self._next.local
            self._next = replace(self._next, loaded=local, misfit=dict(errors))
            return local
        now = self._accepted()
        if self._next is not None:
            refused = {"accepted": now.state.accepted, "errors": dict(errors)}
            state = self._next.state.model_copy(update=refused)
            self._now, self._next = replace(now, state=state), None
            self._keep(state)
        return now.loaded

    def _accepted(self) -> _Candidate:
        if self._now is None:
            raise RuntimeError("the device's own file comes first: load and accept it")
        return self._now

    def _keep(self, state: RemoteState) -> None:
        """For the next start; a disk that is full changes nothing of what is run by."""
        try:
            self._file.write(state)
            self._file_fault = ""
        except OutputError as error:
            self._file_fault = str(error)


def _sections(desired: ConfigDesired) -> dict[str, JsonValue]:
    given = {
        "streams": desired.streams,
        "telemetry": desired.telemetry,
        "update": desired.update,
    }
    return {name: {**section} for name, section in given.items() if section is not None}


def _known(rev: int, known: int) -> str:
    if rev < known:
        return f"{rev} is older than {known}, which came before it; send a higher one"
    return f"{rev} came before, and said something else; send a higher one"
