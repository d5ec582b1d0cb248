"""What an encoded stream is called by browsers, and what it sends where there is no header."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.frames.encoded import EncodedPacket, EncodedStream

_SPS = re.compile(rb"\x00\x00\x01[\x07\x27\x47\x67](...)", re.DOTALL)
"""A NAL unit of type 7 (ITU-T H.264, 7.3.1), and what it begins with: profile, constraints, level."""


def codec_string(stream: EncodedStream) -> str:
    """Such as `avc1.42C01E`: RFC 6381's name of an H.264 stream, as its parameter sets have it.

    Raises:
        ValueError: it is not H.264, or has no parameter sets.
    """
    found = _SPS.search(stream.extradata) if stream.codec == "h264" else None
    if found is None:
        raise ValueError(f"no H.264 with its parameter sets: {stream.codec}")
    return f"avc1.{found[1].hex().upper()}"


def in_band(packet: EncodedPacket, stream: EncodedStream) -> bytes | memoryview:
    """The packet's picture in Annex B, the parameter sets before a key: decoding can begin there."""
    if not packet.is_key:
        return packet.data
    return b"".join((stream.extradata, packet.data))
