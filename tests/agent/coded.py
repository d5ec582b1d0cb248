"""What an encoder might have made, without one: a stream, and packets of so many bytes."""

from fractions import Fraction

from agent.frames.encoded import _SEAL, EncodedPacket, EncodedStream
from agent.frames.frame import Colour

STREAM = EncodedStream(
    _SEAL,
    codec="h264",
    width=96,
    height=64,
    time_base=Fraction(1, 25),
    frame_rate=Fraction(25),
    sample_aspect_ratio=Fraction(1),
    colour=Colour("bt601", full_range=False),
    matrix_code=2,
    extradata=b"\0\0\0\1\x67",
    shift=0,
    annotated=False,
)


def coded(pts, *, is_key=False, size=1):
    return EncodedPacket(_SEAL, bytes([pts % 256]) * size, pts, pts, is_key=is_key)
