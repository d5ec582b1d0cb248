"""StreamInfo: what a source knows about its pictures before the second one is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

    from agent.frames.frame import Colour


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """A video stream as its first picture and its container describe it.

    Attributes:
        width: pixels of the upright picture, after the rotation flag was applied.
        height: likewise.
        frame_rate: frames a second as the container claims; None where it claims nothing.
        time_base: seconds a tick of every frame's `pts`.
        frames: the container's count, or an estimate from the duration; for progress only.
        duration_s: seconds, as the container claims.
        colour: what the first picture's numbers mean.
        matrix_code: the code point of ITU-T H.273 for the matrix as it is stored (2: unspecified),
            so that an output carries the input's tag and not our reading of it.
        codec: FFmpeg's name of the codec, e.g. `h264`.
        pixel_format: FFmpeg's name of the stored format, e.g. `yuv420p10le`.
        sample_aspect_ratio: width of an upright pixel over its height.
        has_audio: whether the container holds sound as well.
        notes: sentences that the user should read once.
        decoder: what decodes it, as in `pyav` or `gstreamer (avdec_h264 ! videoconvert)`.
    """

    width: int
    height: int
    frame_rate: Fraction | None
    time_base: Fraction
    frames: int | None
    duration_s: float | None
    colour: Colour
    matrix_code: int
    codec: str
    pixel_format: str
    sample_aspect_ratio: Fraction
    has_audio: bool
    notes: tuple[str, ...] = ()
    decoder: str = "pyav"
