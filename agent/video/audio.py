"""AudioCopy: a file's sound, packet by packet into another file, and nothing else of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
from av.error import FFmpegError

from agent.errors import InputError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction
    from pathlib import Path

    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet
    from av.stream import Stream


class AudioCopy:
    """Reads `path` a second time, for its sound alone, and puts it into `output` as it is.

    Raises:
        InputError: when `path` can't be read.
        OutputError: when `output` can't hold a codec of `path`'s sound.
    """

    def __init__(self, path: Path, output: OutputContainer, name: Path) -> None:
        self._output = output
        try:
            self._input = av.open(f"file:{path}", metadata_errors="replace")
        except (FFmpegError, OSError) as error:
            raise InputError(f"{path}: its sound can't be read ({error.strerror})") from error
        try:
            self._targets = {
                stream.index: self._add(stream, name) for stream in self._input.streams.audio
            }
        except BaseException:
            self._input.close()
            raise
        self._packets: Iterator[Packet[Stream]] = iter(())
        if self._targets:
            self._packets = self._input.demux(list(self._input.streams.audio))
        self._waiting: Packet[Stream] | None = None

    def _add(self, stream: AudioStream, name: Path) -> AudioStream:
        try:
            target = self._output.add_stream_from_template(stream)
        except ValueError as error:
            raise OutputError(
                f"{name}: {name.suffix} can't hold {stream.codec_context.name} sound; "
                "write .mkv, or drop the sound with --audio drop"
            ) from error
        if stream.language:
            target.metadata["language"] = stream.language
        return target

    def copy(self, until: Fraction, shift: Fraction) -> None:
        """Pass on what sounds before `until` seconds in the input's time, `shift` seconds later."""
        while True:
            packet = self._waiting or next(self._packets, None)
            self._waiting = None
            if packet is None:
                return
            if packet.pts is None or packet.dts is None:
                continue  # the marker at a stream's end
            if packet.pts * packet.time_base >= until:
                self._waiting = packet
                return
            ticks = round(shift / packet.time_base)
            packet.pts += ticks
            packet.dts += ticks
            # What lies before zero is an encoder's lead-in, and would move the pictures.
            if packet.pts >= 0:
                packet.stream = self._targets[packet.stream_index]
                self._output.mux(packet)

    def close(self) -> None:
        """Let go of the input."""
        self._packets = iter(())
        self._waiting = None
        self._input.close()
