"""Encoder threads: one where detection is what a frame waits for, else as many as x264 likes.

Threads that encode side by side each keep pictures of their own, and wait for each other: a run of
YOLOv8n-seg (640 px) over 720p on two cores takes 0.03 GB less with one thread, and no more time.
Where nothing else keeps the cores busy, one thread would be what a frame waits for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.settings import interval_of
from models.cores import usable_cores

if TYPE_CHECKING:
    from agent.frames.stream_info import StreamInfo
    from agent.settings import BlurSettings
    from models.input_spec import InputSpec
    from models.manifest import NetworkSpec, Role

AS_ENCODER_LIKES = 0

# Milliseconds of one core, YOLOv8n-seg, YOLO11n-seg and 05_default_juggle.mp4 at 720p, on a Xeon
# with VNNI and no AMX. Only what they are to each other counts, and that differs less by machine.
_ENCODE_MS = 9.8  # a million pixels: x264, crf 23
_AROUND_MS = 6.6  # likewise: decoding, analysis, redaction, packets
_DETECT_MS: dict[Role, float] = {"fp32": 75.0, "fp16": 75.0, "int8": 42.0, "uint8": 42.0}
"""A million weights times a million pixels of input; of six files the furthest is 10 % off."""

_BYTES: dict[Role, int] = {"fp32": 4, "fp16": 2, "int8": 1, "uint8": 1}
"""Of a weight."""

_MEASURED = "h264", "veryfast"
_MOST_SHARE = 0.7
"""Of the time that all cores together need for a frame: beyond it one thread is waited for. At 0.79
(YOLOv8n-seg in 8 bits, 640 px, 720p, two cores of an EPYC) one thread gave 91 frames a second and
x264's own choice 104: beside busy neighbours it takes 10 ms a frame where alone it takes 6."""


def encoder_threads(
    settings: BlurSettings,
    info: StreamInfo,
    network: tuple[Role, NetworkSpec],
    fed: InputSpec,
    cores: int | None = None,
) -> int:
    """Threads for the encoder of a file, 1 or `AS_ENCODER_LIKES`, by what is known at its start.

    Args:
        info: of the input.
        network: the file that detects.
        fed: how a picture of this size is fed to it.
        cores: that share the work; None for those of this process.
    """
    if (settings.codec, settings.preset) != _MEASURED:
        return AS_ENCODER_LIKES
    role, file = network
    weights = file.bytes / _BYTES[role] / 1e6
    detect_ms = _DETECT_MS[role] * weights * fed.width * fed.height / 1e6
    pixels = info.width * info.height / 1e6
    encode_ms = _ENCODE_MS * pixels
    looks = detect_ms / interval_of(settings, info.frame_rate)
    frame_ms = encode_ms + _AROUND_MS * pixels + looks
    shared = frame_ms / (cores or usable_cores())
    return 1 if encode_ms <= _MOST_SHARE * shared else AS_ENCODER_LIKES


def encoder_threads_of_live(streams: int) -> int:
    """Threads for the encoder of each of several live streams: 1 or 2, by the cores there are for each.

    Each holds a picture back, which a killed process loses: four threads lost 2.2 s of a camera that
    said 25 pictures a second and gave 5. One encodes 60 pictures of 1080p a second.
    """
    return max(1, min(2, usable_cores() // max(1, streams)))
