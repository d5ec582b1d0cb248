"""EncoderName: what may be asked for to encode."""

from __future__ import annotations

from typing import Literal

EncoderName = Literal["auto", "pyav", "gstreamer"]
"""`auto`: an encoder in hardware where one passes its trial, else FFmpeg's on the CPU."""
