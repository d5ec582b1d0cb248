"""A camera on RTSP over TCP that loses packets: as a server of few words."""

from __future__ import annotations

import base64
import re
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, final

import av

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_FU_A, _SPS, _PPS = 28, 7, 8
_TICKS = 3600  # of 90 kHz, at 25 pictures a second


@final
class PlainCamera:
    """Sends the pictures of a file with start codes once, and is gone.

    Args:
        clip: H.264.
        loses: told each packet's number and how many there are, whether that one gets lost.
        pictures: the first so many alone.
        step_s: between two pictures.
        most: bytes of a packet's payload; what is larger is sent in fragments (RFC 6184, FU-A).
    """

    def __init__(
        self,
        clip: Path,
        loses: Callable[[int, int], bool],
        *,
        pictures: int | None = None,
        step_s: float = 0.0,
        most: int = 200,
    ) -> None:
        with av.open(str(clip)) as container:
            packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
        self._pictures = [_units(packet) for packet in packets[:pictures]]
        self._loses, self._step_s, self._most = loses, step_s, most
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}/door"
        self._thread = threading.Thread(target=self._serve, name="plain-camera")

    def __enter__(self) -> PlainCamera:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(30)
        self._listener.close()

    def _serve(self) -> None:
        peer, _ = self._listener.accept()
        with peer, peer.makefile("rb") as asked:
            verb = ""
            while verb != "PLAY":
                lines = []
                while line := asked.readline().decode().strip():
                    lines.append(line)
                verb = lines[0].split()[0]
                number = next(line for line in lines if line.lower().startswith("cseq"))
                said = "\r\n".join(("RTSP/1.0 200 OK", number, *self._answer(verb)))
                peer.sendall(said.encode())
            self._send(peer)

    def _send(self, peer: socket.socket) -> None:
        packets = list(self._packets())
        for number, (at, payload, ends) in enumerate(packets):
            head = struct.pack(">BBHII", 0x80, 96 | ends << 7, number, at * _TICKS, 7)
            packet = head + payload
            if not self._loses(number, len(packets)):
                peer.sendall(b"$\0" + struct.pack(">H", len(packet)) + packet)
            if ends:
                time.sleep(self._step_s)

    def _packets(self) -> Iterator[tuple[int, bytes, bool]]:
        """Of each the picture, the payload, and whether it is that picture's last."""
        for at, units in enumerate(self._pictures):
            payloads = [part for unit in units for part in _parts(unit, self._most)]
            yield from ((at, payload, False) for payload in payloads[:-1])
            yield at, payloads[-1], True

    def _answer(self, verb: str) -> tuple[str, ...]:
        """Headers, an empty line, and what it is about."""
        if verb == "SETUP":
            return "Transport: RTP/AVP/TCP;unicast;interleaved=0-1", "Session: 1", "", ""
        if verb != "DESCRIBE":
            return "Public: OPTIONS, DESCRIBE, SETUP, PLAY", "", ""
        sets = [unit for unit in self._pictures[0] if unit[0] & 31 in (_SPS, _PPS)]
        told = ",".join(base64.b64encode(unit).decode() for unit in sets)
        lines = (
            *("v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=door", "t=0 0", "m=video 0 RTP/AVP 96"),
            "a=rtpmap:96 H264/90000",
            f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={told}",
            "a=control:picture",
        )
        text = "".join(f"{line}\r\n" for line in lines)
        return "Content-Type: application/sdp", f"Content-Length: {len(text)}", "", text


def _units(data: bytes) -> list[bytes]:
    """NAL units."""
    return [unit.rstrip(b"\0") for unit in re.split(b"\0\0\1", data)[1:]]


def _parts(unit: bytes, most: int) -> list[bytes]:
    """Payloads of RTP."""
    if len(unit) <= most:
        return [unit]
    indicator, kind = unit[0] & 0x60 | _FU_A, unit[0] & 31
    cuts = range(1, len(unit), most)
    return [
        bytes((indicator, (at == 1) << 7 | (at == cuts[-1]) << 6 | kind)) + unit[at : at + most]
        for at in cuts
    ]
