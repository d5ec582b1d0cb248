"""Succession: has the agent run what the record says, or what may run in its stead."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, final

from agent.update.ports import RefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from agent.update.ports import Host
    from agent.update.record import Record
    from agent.update.store import Own, Store

_log = logging.getLogger(__name__)


@final
class Succession:
    """What can't be loaded is not tried again before the next start.

    Args:
        host: runs models.
        running: digest of the bundle that runs; None: no model does.
    """

    def __init__(
        self, store: Store, host: Host, running: str | None, record: Record, own: Own | None
    ) -> None:
        self._store, self._host, self.running = store, host, running
        self._given_up: set[str | None] = set()
        for digest, _ in store.in_order(record, own):
            if digest == running:
                break
            self._given_up.add(digest)  # the start has just tried it

    def forgive(self, digest: str) -> None:
        """Try it again, for it passed its test."""
        self._given_up.discard(digest)

    def settle(self, record: Record, own: Own | None) -> str | None:
        """Have what should run do so, where it can; why what is on probation can't.

        Args:
            own: the configuration's bundle.
        """
        while (heir := self._heir(record, own))[0] != self.running:
            digest, path = heir
            try:
                self._host.switch(path)
            except RefusedError as error:
                if digest is not None and record.on_probation == digest:
                    return str(error)
                _log.error("bundle %s can't be run: %s", (digest or "")[:12], error)
                self._given_up.add(digest)
            else:
                self.running = digest
        return None

    def _heir(self, record: Record, own: Own | None) -> tuple[str | None, Path | None]:
        ranks = self._store.in_order(record, own)
        return next(
            (each for each in ranks if each[0] not in self._given_up), ranks[-1]
        )  # nothing at all can always run
