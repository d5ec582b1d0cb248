"""The context of libav's encoder, set up but for what the first picture decides."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, cast

import av
from av.codec.context import CodecContext, Flags

from agent.errors import OutputError
from models.cores import usable_cores

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

    from agent.frames.encoded import Codec
    from agent.frames.stream_info import StreamInfo

USUAL_RATE = Fraction(25)
"""Frames a second where a stream claims nothing, as libav assumes for raw streams."""

_ENCODERS: dict[Codec, str] = {"h264": "libx264", "hevc": "libx265"}
_MIN_RATE, _MAX_RATE = Fraction(1), Fraction(1000)
"""Some containers claim a tick of their clock. Chosen, not measured."""
_MAX_RATE_DENOMINATOR = 1001
"""The one of NTSC's rates."""
_PROMPT: dict[Codec, str] = {
    "h264": "rc-lookahead=3:sync-lookahead=0",
    "hevc": "bframes=2:rc-lookahead=3:frame-threads=1:open-gop=0",
}
"""Settings with which few pictures are lost with the process: x264 holds 3 and one for each further
thread, not 10, x265 7, not 21. A group that is open could not be cut off from the one before.
Measured on 720p of a street, crf 23, keyframes every 2 s: the same PSNR costs x264 about 6 % more
bytes, and no time."""
_PROMPT_THREADS = 4
"""Chosen, not measured: four do 1080p anywhere."""
_SLOW_RATE = Fraction(8)
"""Below so many frames a second a picture that is held is a long time lost. Chosen for a loss below
2 s from 2 frames a second on: `test_killed.py` measures it."""
_PROMPT_SLOW: dict[Codec, str] = {
    "h264": "bframes=0:rc-lookahead=0:sync-lookahead=0",
    "hevc": "bframes=0:rc-lookahead=0:frame-threads=1:open-gop=0",
}
"""Likewise, with none held, for about 30 % more bytes."""
_LIVE: dict[Codec, str] = {"h264": "", "hevc": "open-gop=0"}
"""What `tune=zerolatency` leaves as it is."""
_LIVE_GROUP_S = 10
"""Seconds after which a live stream has a keyframe that nobody asked for: whoever reads it from a
server that can't ask waits no longer. Chosen, not measured."""


def coded_rate(info: StreamInfo) -> Fraction:
    """Frames a second that an encoder is told, who can't be told every rate."""
    rate = min(max(info.frame_rate or USUAL_RATE, _MIN_RATE), _MAX_RATE)
    return rate.limit_denominator(_MAX_RATE_DENOMINATOR)


def encoder_context(
    info: StreamInfo,
    time_base: Fraction,
    codec: Codec,
    crf: int,
    preset: str,
    threads: int,
    *,
    prompt: bool,
    live: bool,
) -> VideoCodecContext:
    """An encoder's settings, all but those that the first picture decides.

    Args:
        threads: 0 lets the encoder choose; the other settings are `VideoEncoder`'s.
        prompt: give pictures out soon, and begin at each keyframe as if anew.
        live: give each picture out at once, and begin at each keyframe as if anew.

    Raises:
        OutputError: when the encoder is missing.
    """
    name = _ENCODERS[codec]
    if name not in av.codecs_available:
        raise OutputError(
            f"this FFmpeg was built without {name}, which {codec} needs: "
            "install PyAV's own wheel (pip install --only-binary av av) or choose another codec"
        )
    context = cast("VideoCodecContext", CodecContext.create(name, "w"))
    context.options = {"crf": str(crf), "preset": preset}
    params = ["log-level=error:info=0"] if codec == "hevc" else []
    rate = coded_rate(info)
    if live:
        context.options |= {"forced-idr": "1", "tune": "zerolatency"}
        context.gop_size = round(rate * _LIVE_GROUP_S)
        params += [_LIVE[codec]] if _LIVE[codec] else []
        threads = 1  # more would divide each picture, and there is a stream for each core
    elif prompt:
        context.options["forced-idr"] = "1"
        is_slow = rate < _SLOW_RATE
        params.append((_PROMPT_SLOW if is_slow else _PROMPT)[codec])
        most = 1 if is_slow else _PROMPT_THREADS
        threads = min(threads or usable_cores(), most)
    if params:
        context.options["x265-params" if codec == "hevc" else "x264-params"] = ":".join(params)
    context.framerate = rate  # for rate control, levels
    context.time_base = time_base
    context.thread_count = threads
    context.thread_type = "AUTO"  # else PyAV asks for sliced threads, which cost quality
    context.sample_aspect_ratio = info.sample_aspect_ratio
    # Parameter sets once, aside: a container wants them in its header.
    context.flags |= Flags.global_header
    return context
