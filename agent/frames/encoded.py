"""EncodedStream, EncodedPacket: what an encoder makes, once for however many outputs.

Outputs see no frames, so these are sealed as frames are: a camera's own packets can't be passed
off as an encoder's, and no stream can be said not to be annotated afterwards.
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from fractions import Fraction

    from agent.frames.frame import Colour

Codec = Literal["h264", "hevc"]

_SEAL = object()


def _check(seal: object, kind: type) -> None:
    if seal is not _SEAL:
        raise TypeError(f"only an encoder of agent.video makes an {kind.__name__}")


@dataclass(frozen=True, slots=True)
class EncodedPacket:
    """One coded picture; packets come in the order in which they are decoded.

    Attributes:
        data: NAL units with start codes (Annex B of ITU-T H.264 and H.265), read-only, without
            the parameter sets, which are the stream's.
        pts: presentation time in ticks of the stream's `time_base`; not below zero.
        dts: decoding time, likewise; rises from packet to packet, is never later than `pts`, and
            lies below zero where a picture near the start is shown after a later one.
        is_key: whether decoding can begin here.
        duration: how long it is shown, likewise; 0 for as long as the stream's rate says.

    Raises:
        TypeError: when anything but an encoder constructs one.
    """

    seal: InitVar[object]
    data: bytes | memoryview
    pts: int
    dts: int
    is_key: bool
    duration: int = 0

    def __post_init__(self, seal: object) -> None:
        _check(seal, type(self))


@dataclass(frozen=True, slots=True)
class EncodedStream:
    """What an output must know before the first packet.

    Attributes:
        codec: what the pictures are coded as.
        width: pixels, even.
        height: pixels, even.
        time_base: seconds a tick of every packet's `pts` and `dts`.
        frame_rate: frames a second, a hint; packets have their own times.
        sample_aspect_ratio: width of a pixel over its height.
        colour: what the numbers in the pictures mean.
        matrix_code: the code point of ITU-T H.273 for the matrix (2: unspecified).
        extradata: the parameter sets, in Annex B. A container holds them in its header; whoever
            has none sends them before each key packet.
        shift: ticks by which times are later than the source's, so that none lies below zero;
            sound that goes with the pictures must be moved as far.
        annotated: the pictures show what the camera saw.

    Raises:
        TypeError: when anything but an encoder constructs one.
    """

    seal: InitVar[object]
    codec: Codec
    width: int
    height: int
    time_base: Fraction
    frame_rate: Fraction
    sample_aspect_ratio: Fraction
    colour: Colour
    matrix_code: int
    extradata: bytes
    shift: int
    annotated: bool

    def __post_init__(self, seal: object) -> None:
        _check(seal, type(self))

    def require_redacted(self) -> None:
        """Refuse an annotated stream; all outputs do, but a file that was made for one.

        Raises:
            TypeError: the pictures show what the camera saw.
        """
        if self.annotated:
            raise TypeError(
                "an annotated stream is not redacted: only FileOutput(..., annotated=True) takes it"
            )
