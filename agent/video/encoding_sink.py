"""EncodingSink: what a pipeline writes to, made of an encoder and an output."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, final

from agent.frames.ports import FrameT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from agent.frames.ports import Encoder, Output


@final
class EncodingSink(Generic[FrameT]):
    """Encodes frames, and gives the packets to an output.

    The output is aborted by leaving the context without `finish`. A thread that is writing at that
    moment does it when it comes back: libav must not be closed under its hands.
    """

    def __init__(self, encoder: Encoder[FrameT], output: Output) -> None:
        self._encoder: Encoder[FrameT] = encoder
        self._output = output
        self._started = self._left = False
        self._writing = threading.Lock()

    def __enter__(self) -> EncodingSink[FrameT]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._left = True
        self._abort_unless_writing()

    def write(self, frame: FrameT) -> None:
        """Take the next frame.

        Raises:
            OutputError: when it can't be encoded, or a packet can't be written.
            TypeError: when it was not redacted, or is annotated and the output refuses that.
        """
        with self._in_one_thread():
            packets = self._encoder.encode(frame)
            if not self._started:
                self._output.start(self._encoder.stream)
                self._started = True
            for packet in packets:
                self._output.write(packet)

    def finish(self) -> None:
        """Write what the encoder still holds, and make the output whole.

        Raises:
            OutputError: when no frame was written, or the output can't be made whole.
        """
        with self._in_one_thread():
            for packet in self._encoder.flush():
                self._output.write(packet)
            self._output.finish()

    @contextmanager
    def _in_one_thread(self) -> Iterator[None]:
        try:
            with self._writing:
                if self._left:
                    raise RuntimeError("the output was aborted already")
                yield
        finally:
            if self._left:
                self._abort_unless_writing()

    def _abort_unless_writing(self) -> None:
        if self._writing.acquire(blocking=False):
            try:
                self._output.abort()
            finally:
                self._writing.release()
