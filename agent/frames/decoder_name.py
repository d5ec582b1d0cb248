"""DecoderName: what may be asked for to decode."""

from __future__ import annotations

from typing import Literal

DecoderName = Literal["auto", "pyav", "pyav-cuda", "gstreamer"]
"""`auto`: of cameras on RTSP a decoder in hardware, where one passes its trial; else FFmpeg's on the CPU."""
