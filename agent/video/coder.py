"""Coder: what codes pictures for a `VideoEncoder`, whoever does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from agent.frames.frame import Colour
    from agent.video.encoder_picture import EncoderPicture


@dataclass(frozen=True, slots=True)
class Coded:
    """A coded picture, in the order in which they are decoded.

    Attributes:
        data: NAL units with start codes, without the parameter sets.
        pts: as the picture had it.
        dts: in the same ticks; rises, and is never later than `pts`.
        is_key: whether decoding can begin here.
    """

    data: bytes | memoryview
    pts: int
    dts: int
    is_key: bool


class Coder(Protocol):
    """Codes pictures of one size and one kind.

    Attributes:
        name: of the encoder.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    def open(self, picture: EncoderPicture, colour: Colour, matrix_code: int) -> bytes:
        """Get ready for pictures of this size, layout and meaning; the parameter sets, in Annex B.

        Raises:
            OutputError: the encoder refuses them.
        """
        ...

    def encode(self, picture: VideoFrame | None) -> list[Coded]:
        """Take the next picture, or None at the end; what is ready by now.

        A picture whose `pict_type` is I begins a group that can be decoded by itself.

        Raises:
            OutputError: it can't be coded.
        """
        ...

    def close(self) -> None:
        """Let go of the encoder."""
        ...
