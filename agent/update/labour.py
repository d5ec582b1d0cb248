"""Labour: what a worker does, ended once it is late or of no use any more."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, TypeVar

from agent.update.ports import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.update.ports import Worker

T = TypeVar("T")

_WATCH_S = 0.2
"""How often is looked whether to end it; what is newer waits as long. Chosen, not measured."""


class Labour:
    """One piece of work at a time.

    Args:
        worker: does it.
        monotonic: seconds, never back.
    """

    def __init__(self, worker: Worker, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._worker, self._monotonic = worker, monotonic
        self._moved_s = 0.0

    def do(
        self,
        work: Callable[[], T],
        *,
        limit_s: float,
        late: Exception,
        is_over: Callable[[], bool],
    ) -> T:
        """What the work gives.

        Args:
            limit_s: how long it may go on without a call of `moves`.
            late: is raised where it takes longer.
            is_over: whether it is of no use any more; another thread asks.

        Raises:
            UnavailableError: it was ended, or can't be done now.
            RefusedError: it can't be done at all.
        """
        done, is_late = threading.Event(), threading.Event()
        self.moves()

        def watch() -> None:
            while not done.wait(_WATCH_S):
                if self._monotonic() - self._moved_s > limit_s:
                    is_late.set()
                if is_late.is_set() or is_over():
                    self._worker.end()

        watcher = threading.Thread(target=watch, name="update-watch", daemon=True)
        watcher.start()
        try:
            return work()
        except UnavailableError:
            if is_late.is_set():
                raise late from None
            raise
        finally:
            done.set()
            watcher.join()

    def moves(self) -> None:
        """It goes on: the limit counts from now."""
        self._moved_s = self._monotonic()
