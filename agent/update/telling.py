"""Telling: says what an update is at, and what happened; nothing depends on whether it is heard."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, final

from agent.update.position import Position
from agent.update.record import UNDER_WAY, Record

if TYPE_CHECKING:
    from agent.update.ports import Host
    from agent.update.record import Change

_log = logging.getLogger(__name__)

LEAST_PROGRESS = 0.01
"""What is worth a message."""


@final
class Telling:
    """Goes by what it is shown.

    Args:
        host: is told.

    Attributes:
        position: what it is at; may be read from any thread.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._record = Record()
        self.position = Position.of(self._record)

    def begin(self, record: Record) -> None:
        """This was told before."""
        self._record = record
        self.position = Position.of(record)

    def show(self, record: Record) -> None:
        """This is true now."""
        before, now = self._record.change, record.change
        is_new = now is not None and not now.is_same(before)
        if not is_new and record == self._record:
            return
        self._record = record
        if before is not None and before.state in UNDER_WAY and not before.is_one_with(now):
            self._note(before.model_copy(update={"state": "superseded"}))
        if now is not None and is_new:
            self._note(now)
        self._say(0.0 if is_new else self.position.progress, "")

    def progress(self, share: float) -> None:
        """What is done goes on; a share of its state, 0 to 1."""
        if abs(share - self.position.progress) >= LEAST_PROGRESS:
            self._say(share, "")

    def waits(self, why: str, progress: float | None = None) -> None:
        """Nothing can be done now."""
        if why != self.position.reason:
            _log.info("the update waits: %s", why)
        self._say(self.position.progress if progress is None else progress, why)

    def _note(self, change: Change) -> None:
        held = change.held
        said: dict[str, str | int] = {
            "state": change.state,
            "model": held.name,
            "version": held.version,
            "digest": held.digest,
            "rev": change.rev,
        }
        said |= {"group": change.group} if change.group is not None else {}
        said |= {"reason": change.reason} if change.reason else {}
        why = f" ({change.reason})" if change.reason else ""
        _log.info("model %s version %d: %s%s", held.name, held.version, change.state, why)
        self._host.noted(said)

    def _say(self, progress: float, waits_for: str) -> None:
        position = Position.of(self._record, progress, waits_for)
        if position != self.position:
            self.position = position
            self._host.changed()
