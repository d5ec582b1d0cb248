"""AnnexB: a stream's packets as GStreamer takes them, each by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from av.bitstream import BitStreamFilterContext

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

_FILTERS = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}
_IN_BOXES = 1
"""MP4's and Matroska's extradata begins so; any other is NAL units with start codes."""


class AnnexB:
    """NAL units with start codes, the parameter sets before the first picture.

    Raises:
        KeyError: the stream is neither H.264 nor H.265.
    """

    def __init__(self, stream: VideoStream) -> None:
        self._filter = BitStreamFilterContext(_FILTERS[stream.codec_context.name], stream)
        extradata = stream.codec_context.extradata or b""
        # Of boxes, the filter puts them in; a camera may tell its own aside, and nowhere else.
        self._first = b"" if extradata[:1] == bytes((_IN_BOXES,)) else extradata

    def bytes_of(self, packet: Packet[VideoStream]) -> bytes:
        """The packet's, which is empty afterwards.

        Raises:
            FFmpegError: it is damaged.
        """
        data = b"".join(bytes(part) for part in self._filter.filter(packet))
        first, self._first = self._first, b""
        return first + data
