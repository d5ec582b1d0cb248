"""AudioCopy: a file's sound, packet by packet into another file, and nothing else of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av

from agent.errors import OutputError
from agent.video.container import Packets, open_container

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path

    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet


class AudioCopy:
    """Reads `path` a second time, for its sound alone, and puts it into an output as it is.

    Args:
        path: the file whose sound it is.
        container: FFmpeg's name of the output's container.
        name: the output, for errors.

    Raises:
        InputError: when `path` can't be read.
        OutputError: when the container can't hold a codec of `path`'s sound.
    """

    def __init__(self, path: Path, container: str, name: Path) -> None:
        self._name = name
        self._input = open_container(path)
        try:
            # Nothing is ever written to this one; it refuses what the output would.
            self.start(av.open("", "w", format=container))
        except BaseException:
            self._input.close()
            raise
        self._packets = Packets(self._input, self._input.streams.audio)
        self._waiting: Packet[AudioStream] | None = None

    def start(self, output: OutputContainer) -> None:
        """Add the sound's streams to `output`, which takes what is copied from now on."""
        self._output = output
        self._targets = {stream.index: self._added(stream) for stream in self._input.streams.audio}

    def _added(self, stream: AudioStream) -> AudioStream:
        try:
            target = self._output.add_stream_from_template(stream)
        except ValueError as error:
            kind = stream.codec_context.name if stream.codec_context else "this"
            raise OutputError(
                f"{self._name}: {self._name.suffix} can't hold {kind} sound; "
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
                continue  # it can't be placed
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
        self._packets.close()
        self._waiting = None
        self._input.close()
