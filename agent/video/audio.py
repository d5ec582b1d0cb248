"""AudioCopy: a source's sound, packet by packet into an output, and nothing else of it."""

from __future__ import annotations

import io
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.error import ArgumentError, FFmpegError, InvalidDataError, PatchWelcomeError
from av.packet import Packet

from agent.errors import OutputError
from agent.video.muxer import MP4_FORMATS
from agent.video.stream_names import codec_of, name_of
from agent.video.timestamps import Timestamps

if TYPE_CHECKING:
    from pathlib import Path

    from av.audio.stream import AudioStream
    from av.container import OutputContainer

    from agent.video.sound import Sound

_FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""What else to write, where an output can't hold a sound."""
_NOT_ITS_CODEC = (ArgumentError, InvalidDataError, PatchWelcomeError)
"""What libav says of a packet that is none, and never of a disk."""
_SILENCE = bytes(4608)
"""Whole samples of any width, up to eight channels."""
_USUAL_SAMPLES = 1024
"""In a packet that doesn't say how long it lasts: AAC's."""
_MAX_STEP_BACK_S = Fraction(1, 10)
"""As for pictures: times that fall back by more were restarted. Chosen, not measured."""


class AudioCopy:
    """Puts a source's sound into an output as it is.

    A stream that the output's container can't hold is left out, and named in `sound.left_out`.

    Args:
        container: FFmpeg's name of the output's container.
        name: the output, for errors.

    Raises:
        OutputError: when the container can hold none of the sound.
    """

    def __init__(self, sound: Sound, container: str, name: Path) -> None:
        self._sound, self._container = sound, container
        # Nothing is ever written to this one: its streams are what the output's are made from,
        # on another thread than the one that reads the input's.
        self._templates = av.open("", "w", format=container)
        self._template_of: dict[int, AudioStream] = {}
        self._times: dict[int, Timestamps] = {}
        lost = []
        for stream in tuple(sound.streams):
            if _holds(container, stream):
                self._template_of[stream.index] = self._template(stream)
            else:
                sound.leave_out(stream, f"{name_of(stream)}: {name.suffix} can't hold it")
                lost.append(stream)
        # What has no sample rate had nothing to say where the file begins.
        if lost and not self._template_of and any(_is_described(stream) for stream in lost):
            raise _refusal(lost, name)

    def _template(self, stream: AudioStream) -> AudioStream:
        template = self._templates.add_stream_from_template(stream)
        if stream.language:
            template.metadata["language"] = stream.language
        ticks = 1 / (stream.time_base or Fraction(1, stream.sample_rate))
        self._times[stream.index] = Timestamps(
            step=round(_USUAL_SAMPLES * ticks / stream.sample_rate),
            max_step_back=round(_MAX_STEP_BACK_S * ticks),
            least=1 if self._container in MP4_FORMATS else 0,
        )
        return template

    def start(self, output: OutputContainer) -> None:
        """Add the sound's streams to `output`, which takes what is copied from now on."""
        self._output = output
        self._targets = {}
        for index, template in self._template_of.items():
            target = output.add_stream_from_template(template)
            target.metadata.update(template.metadata)
            self._targets[index] = target

    def copy(self, until: Fraction | None, shift: Fraction) -> None:
        """Pass on what sounds before `until` seconds in the input's time, `shift` seconds later.

        Raises:
            FFmpegError: when the output can't be written.
        """
        for packet in self._sound.take(until):
            index = packet.stream_index
            self._place(packet, self._times[index], shift)
            # What lies before zero is an encoder's lead-in, and would move the pictures.
            if packet.pts is None or packet.pts < 0:
                continue
            packet.stream = self._targets[index]
            try:
                self._output.mux(packet)
            except _NOT_ITS_CODEC:
                self._sound.damaged += 1  # cut short, or otherwise none of its codec's

    def _place(self, packet: Packet[AudioStream], times: Timestamps, shift: Fraction) -> None:
        """Give a packet the time at which it sounds in the output; sound is never reordered."""
        repaired = times.repaired
        ticks = times.next_pts(packet.dts if packet.pts is None else packet.pts, packet.duration)
        self._sound.repaired += times.repaired - repaired
        packet.pts = packet.dts = ticks + round(shift / packet.time_base)

    def close(self) -> None:
        """Let go of what was not copied."""
        self._sound.close()


def _holds(container: str, stream: AudioStream) -> bool:
    """Whether a container takes such a stream, tried by writing a file."""
    if not _is_described(stream):
        return False
    with io.BytesIO() as nowhere:
        trial = av.open(nowhere, "w", format=container)
        try:
            target = trial.add_stream_from_template(stream)
            trial.start_encoding()
            if container in MP4_FORMATS:  # which describes a stream at the end, if it has packets
                packet = Packet(_SILENCE)
                packet.stream, packet.time_base = target, stream.time_base or Fraction(1, 1000)
                packet.pts = packet.dts = 0
                trial.mux(packet)
            trial.close()
        except (FFmpegError, ValueError):
            return False
        finally:
            with suppress(FFmpegError, ValueError):
                trial.close()
    return True


def _is_described(stream: AudioStream) -> bool:
    return stream.codec_context is None or bool(stream.codec_context.sample_rate)


def _refusal(streams: list[AudioStream], name: Path) -> OutputError:
    """What an output can't hold, and what can be done."""
    others = [
        suffix
        for suffix, container in _FORMATS.items()
        if any(_holds(container, stream) for stream in streams)
    ]
    remedy = f"write {' or '.join(others)}, or drop" if others else "drop"
    kinds = " or ".join(dict.fromkeys(codec_of(stream) for stream in streams))
    return OutputError(
        f"{name}: {name.suffix} can't hold {kinds} sound; {remedy} the sound with --audio drop"
    )
