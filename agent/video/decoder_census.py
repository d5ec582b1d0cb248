"""Decoder census: which decoders of a GPU do their work here, tried on pictures that are made here.

A stream's decoder is tried on the stream itself; this is for who asks before there is one.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.codec.context import CodecContext
from av.video.frame import VideoFrame

from agent.errors import InputError
from agent.video.cuda_context import CUDA
from agent.video.decoder_trial import tried
from agent.video.gstreamer.chain import Chain, chains
from agent.video.gstreamer.installed import versions_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.frames.frame import Plane

_SIZE = 1280, 720
_PICTURES = 8
"""Enough for a decoder that gives the first only when it has several. Chosen, not measured."""


def decoder_census() -> Iterator[tuple[str, str | None]]:
    """Each way by which a GPU may decode H.264, by its name, and why it doesn't; None where it does.

    Children of this process take up to ten seconds each where a driver hangs.
    """
    packets, luma = _clip()
    for way in (CUDA, *(each for each in chains("h264") if each.in_hardware)):
        try:
            if isinstance(way, Chain):
                versions_of(way.elements)
        except InputError as error:
            yield str(way), str(error)
        else:
            yield str(way), tried(str(way), "h264", packets, luma).failure


def _clip() -> tuple[list[bytes], Plane]:
    """A few pictures in H.264 with start codes, and the luma of the first as FFmpeg decodes it."""
    width, height = _SIZE
    encoder = CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency"}
    coded = []
    for number in range(_PICTURES):
        ramp = (np.add.outer(np.arange(height), np.arange(width)) + 9 * number) % 200 + 20
        grey = np.full((height // 2, width), 128, np.uint8)
        planes: Any = np.vstack([ramp.astype(np.uint8), grey])
        picture = VideoFrame.from_ndarray(planes, "yuv420p")
        picture.pts = number
        coded += encoder.encode(picture)
    coded += encoder.encode(None)
    packets = [bytes(packet) for packet in coded]
    decoder = CodecContext.create("h264", "r")
    for data in (*packets, None):
        for picture in decoder.decode(None if data is None else av.Packet(data)):
            return packets, picture.to_ndarray()[:height].astype(np.uint8)
    raise InputError("FFmpeg can't decode what it encoded")
