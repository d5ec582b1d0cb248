"""Tee: packets for several outputs, which fail each on its own."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING, final

from agent.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.frames.encoded import EncodedPacket, EncodedStream
    from agent.frames.ports import Output

_log = logging.getLogger(__name__)


@final
class Tee:
    """An output made of outputs, in order.

    One that fails with an `OutputError` is aborted at once and gets nothing more; the others go
    on, and are made whole by `finish`, which then raises the first of those errors. When none is
    left, it is raised at once. Any other error is a mistake of ours or a refusal, and goes to
    the caller, who aborts them all.
    """

    def __init__(self, first: Output, *others: Output) -> None:
        outputs = (first, *others)  # with none, all would be lost without a word
        self._outputs = list(outputs)
        self._error: OutputError | None = None

    def start(self, stream: EncodedStream) -> None:
        """Start all.

        Raises:
            OutputError: when none could start.
            TypeError: when one of them refuses an annotated stream.
        """
        self._each(lambda output: output.start(stream))

    def write(self, packet: EncodedPacket) -> None:
        """Give the packet to all that have not failed.

        Raises:
            OutputError: when all have.
        """
        self._each(lambda output: output.write(packet))

    def finish(self) -> None:
        """Finish all that have not failed.

        Raises:
            OutputError: when one has failed at any time.
        """
        self._each(lambda output: output.finish())
        if self._error is not None:
            raise self._error

    def abort(self) -> None:
        """Abort all."""
        with ExitStack() as all_of_them:  # whatever one of them raises
            for output in tuple(self._outputs):
                all_of_them.callback(output.abort)

    def _each(self, act: Callable[[Output], None]) -> None:
        for output in tuple(self._outputs):
            try:
                act(output)
            except OutputError as error:
                self._error = self._error or error
                self._outputs.remove(output)
                output.abort()
                _log.error("an output failed, and gets no more: %s", error)
        if self._error is not None and not self._outputs:
            raise self._error
