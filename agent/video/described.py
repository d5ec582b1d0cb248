"""What is known of a file's pictures, before the second is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av

from agent.frames.stream_info import StreamInfo
from agent.video.decoded import matrix_code_of, may_be_transparent
from models.video_stream import frame_rate_of

if TYPE_CHECKING:
    from fractions import Fraction

    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from agent.video.frame_maker import FrameMaker, Shape


def described(
    container: InputContainer,
    stream: VideoStream,
    first: VideoFrame,
    maker: FrameMaker,
    time_base: Fraction,
    decoder: str,
) -> StreamInfo:
    """Describe `stream` by what its container says, its first picture shows and frames will be.

    Args:
        maker: makes the frames.
        time_base: seconds a tick of the frames' times.
        decoder: what decodes.
    """
    shape = maker.shape
    width, height = shape.size
    rate = frame_rate_of(stream)
    duration_s = None
    if stream.duration:
        duration_s = float(stream.duration * time_base)
    elif container.duration:
        duration_s = container.duration / av.time_base
    return StreamInfo(
        width=width,
        height=height,
        frame_rate=rate,
        time_base=time_base,
        frames=stream.frames or (round(duration_s * rate) if duration_s and rate else None),
        duration_s=duration_s,
        colour=maker.colour,
        matrix_code=matrix_code_of(first),
        codec=stream.codec_context.name,
        pixel_format=first.format.name,
        sample_aspect_ratio=shape.aspect,
        has_audio=bool(container.streams.audio),
        notes=tuple(_notes(first, shape)),
        decoder=decoder,
    )


def _notes(first: VideoFrame, shape: Shape) -> list[str]:
    """What of the pictures can't be kept, a line each."""
    width, height = shape.size
    notes = []
    if max(component.bits for component in first.format.components) > 8:
        notes.append(f"{first.format.name} is written as 8-bit 4:2:0")
    if width % 2 or height % 2:
        notes.append(f"{width}x{height} is written with its odd edge repeated, to be even")
    if may_be_transparent(first):
        notes.append("what is transparent is shown on white")
    if shape.turn is None and first.rotation:
        notes.append(f"a display rotation by {first.rotation} degrees is not applied")
    return notes
