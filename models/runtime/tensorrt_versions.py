"""TensorRT as it is installed: 10.3 (JetPack 6), 10.16 (JetPack 7) and 11.4 (PCs), from one source.

What differs between them is not used here:

- Precision is what the file says, in a strongly typed network, on each of them. Flags and
  calibrators that choose it are gone in 11.
- Batches are explicit, and tensors have names; 10 and 11 have nothing else in common.
- `create_execution_context`, `deserialize_cuda_engine` and `build_serialized_network` have more
  than one form from 10.16 on, so arguments are given by position.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Protocol

from models.errors import InferenceError

if TYPE_CHECKING:
    from models.runtime.tensorrt_types import Library, Severity

OLDEST = (10, 3)
"""Of JetPack 6.1. Ultralytics refuses 10.2.0, and nobody here looked at what is older."""


def tensorrt() -> Library:
    """The library.

    Raises:
        InferenceError: it can't be imported, for whatever reason, or is too old.
    """
    try:
        import tensorrt as library  # noqa: PLC0415 only where it is to be used

        version = str(library.__version__)
    except Exception as error:  # a missing library of a Jetson's is an ImportError, others anything
        said = str(error).strip().split("\n", 1)[0][:200] or type(error).__name__
        raise InferenceError(f"tensorrt can't be imported: {said}") from error
    numbers = tuple(int(each) for each in re.findall(r"\d+", version)[:2])
    if numbers < OLDEST:
        raise InferenceError(f"TensorRT {version} is older than {'.'.join(map(str, OLDEST))}")
    return library


class Log(Protocol):
    """An `ILogger` that keeps what was said last."""

    def said(self) -> str:
        """The last errors and warnings in a line, once."""
        ...


@cache
def log_of(library: Library) -> Log:
    """What this process's TensorRT logs to, all of it: it takes one logger and no second."""

    class Kept(library.ILogger):  # type: ignore[misc] # a class of the library, whichever it is
        """Keeps the last errors and warnings; called on any thread."""

        def __init__(self) -> None:
            library.ILogger.__init__(self)
            self._lines: list[str] = []

        def log(self, severity: Severity, msg: str) -> None:
            """Keep what is wrong."""
            if severity <= library.ILogger.Severity.WARNING:
                self._lines = [*self._lines[-_MOST_LINES + 1 :], msg.strip()]

        def said(self) -> str:
            """The last errors and warnings, once."""
            lines, self._lines = self._lines, []
            return "; ".join(each.split("\n", 1)[0][:200] for each in lines) or "without a word"

    return Kept()


_MOST_LINES = 3
"""What is wrong, and what follows from it. Chosen, not measured."""
