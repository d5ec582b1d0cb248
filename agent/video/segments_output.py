"""SegmentsOutput: a stream's packets into recordings of about a minute each."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, final

from av.error import FFmpegError

from agent.errors import OutputError
from agent.video.output_clock import OutputClock, mp4_time_base
from agent.video.segment import Segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from agent.frames.encoded import EncodedPacket, EncodedStream
    from agent.frames.stream_info import StreamInfo
    from agent.video.recordings import Recordings


@final
class SegmentsOutput:
    """Writes packets into one fragmented MP4 after the other, each of which plays by itself.

    Another begins with the first keyframe after `segment_s` seconds of video, and with the first
    after the clock was set. What was written stays, also after `abort`: all of it was redacted, and
    a camera that dies must not take its last minute along.

    Args:
        recordings: the folder, which gives names and makes room.
        stream: name of the folder in it.
        segment_s: seconds of video.
        on_segment: called when another segment than the first begins, before it is written to.
    """

    def __init__(
        self,
        recordings: Recordings,
        stream: str,
        segment_s: float,
        on_segment: Callable[[], None],
    ) -> None:
        self._recordings, self._name = recordings, stream
        self._segment_s, self._on_segment = segment_s, on_segment
        self._folder = recordings.folder / stream
        self._stream: EncodedStream | None = None
        self._segment: Segment | None = None
        self._steps = 0
        self._settling: Future[None] | None = None
        self._is_over = False

    def clock(self, info: StreamInfo) -> OutputClock:
        """In what the times of a source's pictures are counted here."""
        return OutputClock(mp4_time_base(info), str(self._folder))

    def start(self, stream: EncodedStream) -> None:
        """Get ready; the first packet begins the first segment.

        Raises:
            RuntimeError: after `finish` or `abort`, which may have come from another thread.
            TypeError: when the stream is annotated.
        """
        if self._is_over:
            raise RuntimeError(f"{self._folder}: finished or aborted already")
        stream.require_redacted()
        self._stream = stream

    def write(self, packet: EncodedPacket) -> None:
        """Write one packet, into another segment if it is time for one.

        Raises:
            OutputError: when it can't be written, or the segment before could not be kept.
            RuntimeError: before `start`, after `finish`.
        """
        if self._stream is None or self._is_over:
            raise RuntimeError(f"{self._folder}: not started, or finished")
        if self._segment is not None and packet.is_key and self._is_over_at(packet, self._segment):
            self._end()
            self._on_segment()
        with self._failing_as_output_error():
            if self._segment is None:
                self._segment = self._begun(self._stream, packet)
            self._segment.write(packet)

    def finish(self) -> None:
        """Give the last segment its name.

        Raises:
            OutputError: when no packet was written, or the segment can't be kept.
        """
        if self._segment is None:
            raise OutputError(f"{self._folder}: no frame to write")
        self._is_over = True
        self._end()
        self._wait_for_the_last()

    def abort(self) -> None:
        """Keep what was written so far; harmless after `finish`."""
        self._is_over = True
        with suppress(OutputError):  # who aborts has a better reason to tell
            self._end()
        with suppress(OutputError):
            self._wait_for_the_last()

    def _is_over_at(self, packet: EncodedPacket, segment: Segment) -> bool:
        was_set = self._recordings.clock.steps != self._steps
        return was_set or segment.lasts_s(packet.pts) >= self._segment_s

    def _begun(self, stream: EncodedStream, packet: EncodedPacket) -> Segment:
        self._steps = self._recordings.clock.steps
        part = self._recordings.begin(self._name)
        try:
            return Segment(part, "mp4", stream, packet.pts)
        except BaseException:
            self._recordings.settle(part)
            raise

    def _end(self) -> None:
        """End the segment that is being written, if there is one; it gets its name meanwhile."""
        segment, self._segment = self._segment, None
        if segment is None:
            return
        try:
            with self._failing_as_output_error():
                segment.close()
        finally:
            before, self._settling = self._settling, self._recordings.settle(segment.path)
            if before is not None:
                before.result()

    def _wait_for_the_last(self) -> None:
        settling, self._settling = self._settling, None
        if settling is not None:
            settling.result()

    @contextmanager
    def _failing_as_output_error(self) -> Iterator[None]:
        try:
            yield
        except (FFmpegError, OSError) as error:
            raise OutputError(f"{self._folder}: can't be written ({error.strerror})") from error
        except OverflowError as error:
            raise OutputError(f"{self._folder}: {error}, more than MP4 can hold") from error
