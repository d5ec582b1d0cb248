"""Watched: what is recorded, or nothing, and those who watch it being made."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.frames.encoded import EncodedPacket, EncodedStream
    from agent.frames.ports import Output


@final
class Watched:
    """An output whose packets others get, too.

    Args:
        watching: get each packet first; what ails them is theirs, and none of them raises an
            `OutputError`.
        made: whose errors are this one's; None where nothing is recorded.
    """

    def __init__(self, watching: Sequence[Output], made: Output | None = None) -> None:
        self._outputs = (*watching, *([] if made is None else [made]))

    def start(self, stream: EncodedStream) -> None:
        """Start all.

        Raises:
            OutputError: what is made can't be started.
            TypeError: the stream is annotated.
        """
        for output in self._outputs:
            output.start(stream)

    def write(self, packet: EncodedPacket) -> None:
        """Give all the packet.

        Raises:
            OutputError: it can't be written.
        """
        for output in self._outputs:
            output.write(packet)

    def finish(self) -> None:
        """Make what is made whole.

        Raises:
            OutputError: that can't be done.
        """
        for output in self._outputs:
            output.finish()

    def abort(self) -> None:
        """Abort all."""
        with ExitStack() as all_of_them:  # whatever one of them raises
            for output in self._outputs:
                all_of_them.callback(output.abort)
