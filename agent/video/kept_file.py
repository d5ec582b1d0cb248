"""KeptFile: one file a session, which stays whatever ends it, and replaces no other."""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, final

from av.error import FFmpegError

from agent.errors import OutputError
from agent.output_file import check_output_file
from agent.video.fragments import cut_to_whole
from agent.video.output_clock import OutputClock, mp4_time_base
from agent.video.segment import Segment
from models.part_file import is_at, sync

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.frames.encoded import EncodedPacket, EncodedStream
    from agent.frames.stream_info import StreamInfo

_FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov"}


@final
class KeptFile:
    """Writes a service's packets to `path`, or to the first of path-2, path-3… that is free.

    It is a fragmented MP4 and hidden while it is written. `abort` keeps what was written, and what
    a killed run left gets its name when the next session is made.

    Raises:
        OutputError: when the file can't be written, is none of MP4's, or another agent writes it.
    """

    def __init__(self, path: Path) -> None:
        check_output_file(path, overwrite=True)  # what is there stays
        self._path = Path(os.path.realpath(path))
        if self._path.suffix.lower() not in _FORMATS:
            raise OutputError(
                f"{path}: what a killed run leaves of it could not be played; "
                f"name it one of {' '.join(_FORMATS)}"
            )
        self._part = self._path.with_name(f".{self._path.name}.part")
        self._stream: EncodedStream | None = None
        self._segment: Segment | None = None
        self._is_over = False
        with self._failing_as_output_error():
            self._descriptor: int | None = self._created()

    def clock(self, info: StreamInfo) -> OutputClock:
        """In what the times of a source's pictures are counted here."""
        return OutputClock(mp4_time_base(info), str(self._path))

    def start(self, stream: EncodedStream) -> None:
        """Get ready.

        Raises:
            RuntimeError: after `finish` or `abort`, which may have come from another thread.
            TypeError: when the stream is annotated.
        """
        if self._is_over:
            raise RuntimeError(f"{self._path}: finished or aborted already")
        stream.require_redacted()
        self._stream = stream

    def write(self, packet: EncodedPacket) -> None:
        """Write one packet.

        Raises:
            OutputError: when it can't be written.
            RuntimeError: before `start`, after `finish`.
        """
        if self._stream is None or self._is_over:
            raise RuntimeError(f"{self._path}: not started, or finished")
        with self._failing_as_output_error():
            if self._segment is None:
                container = _FORMATS[self._path.suffix.lower()]
                self._segment = Segment(self._part, container, self._stream, packet.pts)
            self._segment.write(packet)

    def finish(self) -> None:
        """Give the file a name.

        Raises:
            OutputError: when no packet was written, or the file can't be.
        """
        if self._segment is None:
            raise OutputError(f"{self._path}: no frame to write")
        self._end()

    def abort(self) -> None:
        """Keep what was written so far; harmless after `finish`."""
        with suppress(OutputError):  # who aborts has a better reason to tell
            self._end()

    def _end(self) -> None:
        self._is_over = True
        segment, self._segment = self._segment, None
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        with self._failing_as_output_error(), ExitStack() as leaving:
            # Whatever fails, the lock goes, or no session could ever write here again.
            leaving.callback(os.close, descriptor)
            leaving.callback(self._settle)
            if segment is not None:
                segment.close()

    def _created(self) -> int:
        """The hidden file, empty, and nobody else's; what a killed run left in it is kept."""
        while True:
            descriptor = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            with ExitStack() as leaving:
                leaving.callback(os.close, descriptor)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise OutputError(f"{self._path}: another agent writes it") from None
                if is_at(descriptor, self._part):
                    if os.fstat(descriptor).st_size == 0:
                        leaving.pop_all()
                        return descriptor
                    self._settle()

    def _settle(self) -> None:
        """Give what was written a name that nothing has."""
        if not cut_to_whole(self._part):
            return
        numbered = (self._path.with_stem(f"{self._path.stem}-{n}") for n in count(2))
        for path in chain([self._path], numbered):
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC))
                self._part.replace(path)
                sync(path.parent)
                return

    @contextmanager
    def _failing_as_output_error(self) -> Iterator[None]:
        try:
            yield
        except (FFmpegError, OSError) as error:
            raise OutputError(f"{self._path}: can't be written ({error.strerror})") from error
        except OverflowError as error:
            raise OutputError(f"{self._path}: {error}, more than MP4 can hold") from error
