"""EncodingSink: what a pipeline writes to, made of an encoder and an output."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, final

from agent.frames.ports import FrameT
from agent.video.deferred_close import DeferredClose

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from agent.frames.ports import Encoder, Output


@final
class EncodingSink(Generic[FrameT]):
    """Encodes frames, and gives the packets to an output.

    The output is aborted by leaving the context without `finish`. A thread that is writing at that
    moment does it when it comes back.
    """

    def __init__(self, encoder: Encoder[FrameT], output: Output) -> None:
        self._encoder: Encoder[FrameT] = encoder
        self._output = output
        self._started = False
        self._leaving = DeferredClose(self._leave)

    def __enter__(self) -> EncodingSink[FrameT]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leaving.close()

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

    def _leave(self) -> None:
        self._output.abort()
        self._encoder.close()

    @contextmanager
    def _in_one_thread(self) -> Iterator[None]:
        with self._leaving.at_work():
            if self._leaving.asked:
                raise RuntimeError("the output was aborted already")
            yield
