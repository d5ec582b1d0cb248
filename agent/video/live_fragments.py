"""LiveFragments: a live stream as fragmented MP4, one picture a fragment, as browsers take it."""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast, final

import av
from av.container import Flags as ContainerFlags

from agent.video.muxer import added_stream
from agent.video.output_clock import MAX_TICKS, timescale_of

if TYPE_CHECKING:
    from agent.frames.encoded import EncodedPacket, EncodedStream

_START_CODE = re.compile(rb"\x00\x00\x01")
_TRACK = 1
_BASE_IS_MOOF = 0x02_0000
_TOLD = 0x001 | 0x100 | 0x200 | 0x400  # where the data is; duration, size and flags of a sample
_KEY, _OTHER = 0x0200_0000, 0x0101_0000  # depends on none; depends on others, and is no key
_HEADER_BYTES = 8


@dataclass(frozen=True, slots=True)
class Fragment:
    """A `moof` and its `mdat`.

    Attributes:
        packet: the picture in it.
        data: the boxes.
    """

    packet: EncodedPacket
    data: bytes


@final
class LiveFragments:
    """Makes of each packet a fragment, when the next one tells for how long it is shown.

    One picture is held, because Media Source Extensions drop what follows a gap of more than twice
    the duration that was claimed, up to the next key. Packets may be left out up to a key: the one
    before is shown for so much longer. Times are the packets' own. Where none follows, `release`
    gives the one that is held, and a key must come next.

    Args:
        stream: H.264, whose pictures are shown in the order in which they come.

    Attributes:
        stream: that.

    Raises:
        ValueError: it is anything else.
    """

    def __init__(self, stream: EncodedStream) -> None:
        if stream.codec != "h264":
            raise ValueError(f"fragments are made of H.264, not of {stream.codec}")
        stream.require_redacted()
        self.stream = stream
        self._timescale = timescale_of(stream.time_base)
        self._scale = int(stream.time_base * self._timescale)
        self._held: EncodedPacket | None = None
        self._needs_key = False
        self._count = 0

    def start(self) -> bytes:
        """What comes before any fragment: `ftyp` and `moov`."""
        file = io.BytesIO()
        options = {
            "movflags": "empty_moov+default_base_moof",
            "video_track_timescale": str(self._timescale),
        }
        container = av.open(file, "w", format="mp4", container_options=options)
        container.flags |= cast("int", ContainerFlags.bitexact.value)
        added_stream(container, self.stream)
        container.start_encoding()
        begun = file.getvalue()
        container.close()
        return begun

    def add(self, packet: EncodedPacket) -> Fragment | None:
        """The fragment of the picture before this one; None where there is none.

        Behind `release` all up to a key is left out.
        """
        if self._needs_key and not packet.is_key:
            return None
        self._needs_key = False
        held, self._held = self._held, packet
        if held is None:
            return None
        duration = min((packet.pts - held.pts) * self._scale, MAX_TICKS)
        return self._fragment(held, duration)

    def release(self) -> Fragment | None:
        """The picture that is held, for as long as the stream's rate says; None where none is."""
        held, self._held = self._held, None
        if held is None:
            return None
        self._needs_key = True
        return self._fragment(held, round(self._timescale / self.stream.frame_rate))

    def _fragment(self, packet: EncodedPacket, duration: int) -> Fragment:
        self._count += 1
        return Fragment(packet, self._boxes(packet, duration))

    def _boxes(self, packet: EncodedPacket, duration: int) -> bytes:
        data = _with_lengths(packet.data)
        moof = b""
        for _ in range(2):  # its length is known once it was made
            moof = self._moof(packet, duration, len(data), len(moof) + _HEADER_BYTES)
        return moof + _box(b"mdat", data)

    def _moof(self, packet: EncodedPacket, duration: int, size: int, data_offset: int) -> bytes:
        """ISO/IEC 14496-12, 8.8."""
        flags = _KEY if packet.is_key else _OTHER
        traf = (
            _box(b"tfhd", struct.pack(">II", _BASE_IS_MOOF, _TRACK))
            + _box(b"tfdt", struct.pack(">IQ", 1 << 24, packet.pts * self._scale))
            + _box(
                b"trun",
                struct.pack(">IIIIII", _TOLD, 1, data_offset, duration, size, flags),
            )
        )
        return _box(
            b"moof",
            _box(b"mfhd", struct.pack(">II", 0, self._count)) + _box(b"traf", traf),
        )


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", _HEADER_BYTES + len(content), kind) + content


def _with_lengths(data: bytes | memoryview) -> bytes:
    """NAL units with their lengths before them, as MP4 has them, in place of start codes."""
    data = bytes(data)
    found = list(_START_CODE.finditer(data))
    ends = [each.start() for each in found[1:]] + [len(data)]
    units = (data[each.end() : end].rstrip(b"\0") for each, end in zip(found, ends, strict=True))
    return b"".join(struct.pack(">I", len(unit)) + unit for unit in units)
