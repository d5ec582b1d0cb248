"""FileOutput: packets into a file that gets its name only when it is whole."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, final

from av.error import FFmpegError

from agent.errors import OutputError
from agent.output_file import appeared, check_output_file
from agent.video.audio import AudioCopy
from agent.video.muxer import MP4_FORMATS, Muxer
from agent.video.output_clock import MILLISECONDS, OutputClock, mp4_time_base
from agent.video.sound import Sound
from models.part_file import PartFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from agent.frames.encoded import EncodedPacket, EncodedStream
    from agent.frames.stream_info import StreamInfo

_FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}


@final
class FileOutput:
    """Writes packets to a hidden file beside `path`, which takes `path`'s name in `finish`.

    `abort` deletes it. Nothing of the input is known here but its pictures, colour tags and
    (where asked for) sound, so nothing else can be copied.

    Args:
        path: the output; its extension chooses the container.
        sound: what is copied as it is, where the container can hold it; None for silence.
        overwrite: replace a file of this name, whether it is there now or at the end.
        fragmented: write MP4 that can be played while it grows.
        annotated: take annotated pictures, too; the file shows what the camera saw.

    Raises:
        OutputError: when the file can't be written, exists and is not to be replaced, or can hold
            none of the sound.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        sound: Sound | None = None,
        overwrite: bool = False,
        fragmented: bool = False,
        annotated: bool = False,
    ) -> None:
        check_output_file(Path(path), overwrite=overwrite)
        # A link stays a link: what it points to is replaced.
        self._path = Path(os.path.realpath(path))
        self._overwrite, self._fragmented, self._annotated = overwrite, fragmented, annotated
        suffix = self._path.suffix
        if suffix.lower() not in _FORMATS:
            raise OutputError(
                f"{path}: can't write {suffix or 'a file without extension'}; "
                f"name it one of {' '.join(_FORMATS)}"
            )
        self._format = _FORMATS[suffix.lower()]
        self._create().discard()  # until there is something to write
        self._part: PartFile | None = None
        self._muxer: Muxer | None = None
        self._sound = sound or Sound()
        self._audio = AudioCopy(self._sound, self._format, self._path)
        self._end: int | None = None
        self._is_over = False

    def clock(self, info: StreamInfo) -> OutputClock:
        """In what the times of a source's pictures are counted here."""
        in_mp4 = self._format in MP4_FORMATS
        return OutputClock(mp4_time_base(info) if in_mp4 else MILLISECONDS, str(self._path))

    def start(self, stream: EncodedStream) -> None:
        """Create the file.

        Raises:
            OutputError: when it can't be written.
            RuntimeError: after `abort`, which may have come from another thread.
            TypeError: when the stream is annotated, and the file was not made for that.
        """
        if self._is_over:
            raise RuntimeError(f"{self._path}: finished or aborted already")
        if not self._annotated:
            stream.require_redacted()
        self._stream = stream
        self._part = self._create()
        with self._failing_as_output_error():
            self._muxer = Muxer(self._part.path, self._format, stream, fragmented=self._fragmented)
            self._audio.start(self._muxer.container)
            self._muxer.container.start_encoding()

    def write(self, packet: EncodedPacket) -> None:
        """Write one packet, and the sound up to it.

        Raises:
            OutputError: when it can't be written.
            RuntimeError: before `start`, after `finish`.
        """
        if self._muxer is None:
            raise RuntimeError(f"{self._path}: not started, or finished")
        try:
            with self._failing_as_output_error():
                self._muxer.write(packet)
        except OverflowError as error:
            raise OutputError(
                f"{self._path}: {error}, more than {self._path.suffix} can hold; write .mkv"
            ) from error
        self._end = max(packet.pts + packet.duration, self._end or 0)
        self._copy_audio(packet.pts * self._stream.time_base)

    def finish(self) -> None:
        """Write the sound that is left, and give the file its name.

        That is all sound of an input that came to its end; of one that was stopped, what sounds
        until the end of the last picture.

        Raises:
            OutputError: when no packet was written, or the file can't be.
        """
        if self._muxer is None or self._part is None or self._end is None:
            raise OutputError(f"{self._path}: no frame to write")
        self._copy_audio(None if self._sound.ended else self._end * self._stream.time_base)
        self._audio.close()
        self._is_over = True
        with self._failing_as_output_error():
            muxer, self._muxer = self._muxer, None
            muxer.close()
            self._part.put(replace=self._overwrite)

    def abort(self) -> None:
        """Delete what was written; harmless after `finish`."""
        self._is_over = True
        self._audio.close()
        if self._muxer is not None:
            # Closing writes a trailer; whether that works no longer matters.
            with suppress(FFmpegError, OSError):
                self._muxer.abort()
            self._muxer = None
        if self._part is not None:
            self._part.discard()

    def _create(self) -> PartFile:
        try:
            return PartFile(self._path)
        except OSError as error:
            raise OutputError(f"{self._path}: can't be written ({error.strerror})") from error

    def _copy_audio(self, until: Fraction | None) -> None:
        """Copy what sounds before `until` seconds in the output's time; None for all."""
        shift = self._stream.shift * self._stream.time_base
        with self._failing_as_output_error():
            self._audio.copy(None if until is None else until - shift, shift)

    @contextmanager
    def _failing_as_output_error(self) -> Iterator[None]:
        try:
            yield
        except FileExistsError as error:
            raise appeared(self._path) from error
        except (FFmpegError, OSError) as error:
            raise OutputError(f"{self._path}: can't be written ({error.strerror})") from error
