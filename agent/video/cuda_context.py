"""libav's decoder on an NVIDIA GPU: NVDEC, without a way back to the CPU that nobody hears of.

It ran on no GPU so far: what is written here is PyAV's interface, and what is tested that a machine
without a GPU says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from av.codec.context import CodecContext
from av.codec.hwaccel import HWAccel
from av.error import FFmpegError

from agent.errors import InputError

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

CUDA = "pyav-cuda"
"""The name of this way to decode."""


def cuda_context(
    codec: str, extradata: bytes | None = None, *, stays: bool = False
) -> VideoCodecContext:
    """A decoder whose pictures are copied into main memory, as NV12.

    Args:
        codec: FFmpeg's name of it.
        extradata: the stream's parameter sets, where they stand aside.
        stays: leave pictures on the GPU instead, in its primary context.

    Raises:
        InputError: there is no such decoder here, or it can't be opened.
    """
    try:
        accel = HWAccel("cuda", allow_software_fallback=False, is_hw_owned=stays)
        context = cast("VideoCodecContext", CodecContext.create(codec, "r", accel))
        context.extradata = extradata
    except FFmpegError as error:
        raise InputError(
            f"no GPU of NVIDIA's decodes {codec} here ({error.strerror}): is its driver installed? "
            "nvidia-smi tells"
        ) from error
    if not context.is_hwaccel:  # PyAV goes on without, where this FFmpeg knows no such decoder
        raise InputError(f"this PyAV was built without a decoder of {codec} on GPUs of NVIDIA")
    return context
