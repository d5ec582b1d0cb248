"""DeferredClose: closes what a thread may be at work in, as soon as none is."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class DeferredClose:
    """Closes at once, or, where a thread is at work, when that comes back, which it may never.

    libav must not be closed under the hands of a thread that reads or writes.

    Args:
        let_go: closes; may be called again, and is never while somebody works.

    Attributes:
        asked: whether somebody has closed: whoever comes to work now must not.
    """

    def __init__(self, let_go: Callable[[], None]) -> None:
        self._let_go = let_go
        self._working = threading.Lock()
        self.asked = False

    def close(self) -> None:
        """Close, or have it done by the thread that works."""
        self.asked = True
        if self._working.acquire(blocking=False):
            try:
                self._let_go()
            finally:
                self._working.release()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Work, one thread at a time."""
        try:
            with self._working:
                yield
        finally:
            if self.asked:
                self.close()
