"""Building: what a command says while an engine is built for it."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

from agent.cli.printable import printable

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

_EVERY = 10
"""Percent, of which each gets a line."""


class Building:
    """A `models.runtime.engine_build.BuildWatch` on standard error.

    As a context it is around what waits for a build: whatever ends that cancels the build.
    """

    def __init__(self) -> None:
        self._over = threading.Event()
        self._told = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._over.set()

    def said(self, line: str) -> None:
        """A line; what follows is about something else."""
        self._told = 0
        print(f"sfumato: {printable(line)}", file=sys.stderr)

    def progress(self, step: str, share: float) -> None:
        """A line for each tenth."""
        percent = int(100 * share) // _EVERY * _EVERY
        if percent > self._told:
            self._told = percent
            print(f"sfumato: {percent} % ({printable(step)})", file=sys.stderr)

    def cancelled(self) -> bool:
        """Whether what waited has ended."""
        return self._over.is_set()
