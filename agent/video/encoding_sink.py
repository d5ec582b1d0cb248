"""EncodingSink: what a pipeline writes to, made of an encoder and an output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, final

from agent.frames.ports import FrameT

if TYPE_CHECKING:
    from types import TracebackType

    from agent.frames.ports import Encoder, Output


@final
class EncodingSink(Generic[FrameT]):
    """Encodes frames, and gives the packets to an output.

    The output is aborted by leaving the context without `finish`.
    """

    def __init__(self, encoder: Encoder[FrameT], output: Output) -> None:
        self._encoder: Encoder[FrameT] = encoder
        self._output = output
        self._started = False

    def __enter__(self) -> EncodingSink[FrameT]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._output.abort()

    def write(self, frame: FrameT) -> None:
        """Take the next frame.

        Raises:
            OutputError: when it can't be encoded, or a packet can't be written.
            TypeError: when it was not redacted, or is annotated and the output refuses that.
        """
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
        for packet in self._encoder.flush():
            self._output.write(packet)
        self._output.finish()
