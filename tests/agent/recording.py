"""What tests write videos with: redacted frames out of nothing, and a sink into a file."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from agent.frames import annotated, redacted
from agent.frames.annotated import AnnotatedFrame
from agent.frames.cpu_frame import CpuFrame
from agent.frames.frame import Colour
from agent.frames.redacted import RedactedFrame
from agent.frames.stream_info import StreamInfo
from agent.video.encoder import VideoEncoder
from agent.video.encoding_sink import EncodingSink
from agent.video.file_output import FileOutput

if TYPE_CHECKING:
    from pathlib import Path

    from agent.video.sound import Sound

INFO = StreamInfo(
    width=96,
    height=64,
    frame_rate=Fraction(25),
    time_base=Fraction(1, 25),
    frames=None,
    duration_s=None,
    colour=Colour("bt601", full_range=False),
    matrix_code=2,
    codec="h264",
    pixel_format="yuv420p",
    sample_aspect_ratio=Fraction(1),
    has_audio=False,
)


def whole(planes, pts=0, info=INFO, duration=0):
    frame = CpuFrame(planes, 0, pts, info.time_base, info.colour, duration=duration)
    return RedactedFrame(redacted._SEAL, frame, planes)


def grey(pts=0, size=(96, 64), value=100, info=INFO, duration=0):
    width, height = size
    half = ((height + 1) // 2, (width + 1) // 2)
    planes = [np.full(shape, value, np.uint8) for shape in ((height, width), half, half)]
    return whole(tuple(planes), pts, info, duration)


BITS = 10
"""Of the numbers that pictures show."""


def numbered(number, pts, info=INFO):
    """A picture that shows its number as black and white bars, lowest bit on the left."""
    luma = np.empty((info.height, info.width), np.uint8)
    luma[:] = 60 + (np.arange(info.width) + 3 * number) % 40
    bars = np.where(number >> np.arange(BITS) & 1, 235, 20).repeat(info.width // BITS)
    luma[: info.height // 2, : len(bars)] = bars
    half = np.full((info.height // 2, info.width // 2), 128, np.uint8)
    return whole((luma, half, half), pts, info)


def number_of(luma):
    """The number that such a picture shows."""
    height, width = luma.shape
    cell, rows = width // BITS, luma[height // 8 : height // 3]
    middles = (
        rows[:, bit * cell + cell // 4 : (bit + 1) * cell - cell // 4] for bit in range(BITS)
    )
    return sum(int(middle.mean() > 128) << bit for bit, middle in enumerate(middles))


def grey_nv12(*args, **settings):
    frame = grey(*args, **settings)
    y, u, v = frame.planes
    return whole((y, np.dstack([u, v])), frame.pts)


def annotated_grey(pts=0):
    frame = grey(pts)
    raw = CpuFrame(frame.planes, 0, pts, INFO.time_base, INFO.colour)
    return AnnotatedFrame(annotated._SEAL, raw, frame.planes)


def file_sink(
    path: Path,
    info: StreamInfo = INFO,
    *,
    sound: Sound | None = None,
    fragmented: bool = False,
    overwrite: bool = False,
    **settings: object,
) -> EncodingSink:
    """A sink of frames into a file; `settings` are the encoder's."""
    output = FileOutput(path, sound=sound, fragmented=fragmented, overwrite=overwrite)
    return EncodingSink(VideoEncoder(info, clock=output.clock(info), **settings), output)


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
