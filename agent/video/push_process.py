"""PushProcess: a stream's packets to a server, through a child that can be killed."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, final
from urllib.parse import urlsplit

from agent.errors import OutputError, UsageError
from agent.video.codec_string import in_band
from agent.video.push_child import CONNECTED, PACKET, REFUSED

if TYPE_CHECKING:
    from agent.frames.encoded import EncodedPacket, EncodedStream

_FORMATS: dict[str, tuple[str, int, dict[str, str]]] = {
    "rtsp": ("rtsp", 554, {"rtsp_transport": "tcp"}),
    "rtmp": ("flv", 1935, {}),
}
"""By scheme: FFmpeg's name of the muxer, the usual port, and its options."""
_LEAVING_S = 1.0
"""For a child to say goodbye to the server before it is killed. Chosen, not measured."""
_MOST_LETTERS = 200


class PushRefusedError(OutputError):
    """The server answers, and takes nothing from us: to ask again soon is of no use."""


@dataclass(frozen=True, slots=True, repr=False)
class PushTarget:
    """A server and what it is to call the stream; `repr` shows nothing of it.

    Attributes:
        url: may hold a password.
    """

    url: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> PushTarget:
        """Read an address.

        Raises:
            UsageError: nothing can be pushed there; the message doesn't show it.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or parts.scheme not in _FORMATS:
            raise UsageError("pictures are pushed to rtsp://HOST/PATH or rtmp://HOST/APP/NAME")
        return cls(url, host, port or _FORMATS[parts.scheme][1])


@final
class PushProcess:
    """One connection to a server, which takes pictures by the time this is made.

    Args:
        open_s: how long the server may take to answer.
        stall_s: how long it may take nothing.

    Raises:
        PushRefusedError: it lets nobody push with this password, or to this path.
        OutputError: it can't be reached, refuses, or gives no answer in time. The message names
            neither it nor its address.
    """

    def __init__(
        self, target: PushTarget, stream: EncodedStream, open_s: float, stall_s: float
    ) -> None:
        _reach(target, open_s)  # a child costs a third of a second, to hear that nobody is there
        self._stream, self._stall_s = stream, stall_s
        self._socket, other = socket.socketpair()
        self._socket.setblocking(False)
        with other:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "agent.video.push_child"],
                stdin=other.fileno(),
                stdout=other.fileno(),
                stderr=subprocess.DEVNULL,
                # What this process imports from, and not from wherever somebody stands.
                env=os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
                cwd="/",
                start_new_session=True,  # Ctrl-C is for us: what waits is still sent
            )
        try:
            self._write(_order(target, stream))
            self._await_connection(open_s)
        except BaseException:
            self.kill()
            raise

    def send(self, packet: EncodedPacket) -> None:
        """Hand on the next packet, the first of which is a key.

        Raises:
            OutputError: the server is gone, or has taken nothing for too long; `kill` follows.
        """
        if self._has_spoken(0):
            self._hear()
        data = in_band(packet, self._stream)
        head = PACKET.pack(packet.pts, packet.is_key, len(data))
        self._write(head + bytes(data))

    def close(self) -> None:
        """Say that the stream ends."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(_LEAVING_S)
        self.kill()

    def kill(self) -> None:
        """Be rid of it at once; harmless again."""
        self._child.kill()
        self._child.wait()
        self._socket.close()

    def _await_connection(self, open_s: float) -> None:
        if not self._has_spoken(open_s):
            raise OutputError(f"gave no answer for {open_s:g} s")
        self._hear()

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        until = time.monotonic() + self._stall_s
        while left:
            try:
                left = left[self._socket.send(left) :]
            except BlockingIOError:
                wait_s = until - time.monotonic()
                if wait_s <= 0:
                    raise OutputError(f"took nothing for {self._stall_s:g} s") from None
                select.select([self._socket], [self._socket], [], wait_s)
                if self._has_spoken(0):
                    self._hear()
            except ConnectionError:
                self._hear()

    def _has_spoken(self, within_s: float) -> bool:
        return bool(select.select([self._socket], [], [], within_s)[0])

    def _hear(self) -> None:
        """Take what the child says.

        Raises:
            OutputError: it is anything but that the server takes pictures.
        """
        try:
            said = self._socket.recv(_MOST_LETTERS)
        except OSError:
            said = b""
        if said != CONNECTED:  # both may be there at once
            said = said.removeprefix(CONNECTED)
            kind = PushRefusedError if said[:1] == REFUSED else OutputError
            raise kind(said[1:].decode(errors="replace") or "its process ended")


def _reach(target: PushTarget, within_s: float) -> None:
    try:
        socket.create_connection((target.host, target.port), within_s).close()
    except OSError as error:
        raise OutputError(f"can't be reached ({error.strerror or 'no answer in time'})") from error


def _order(target: PushTarget, stream: EncodedStream) -> bytes:
    name, _, options = _FORMATS[urlsplit(target.url).scheme]
    time_base = stream.time_base
    order = {
        "parent": os.getpid(),
        "url": target.url,
        "format": name,
        "options": options,
        "stream": {
            "codec": stream.codec,
            "width": stream.width,
            "height": stream.height,
            "time_base": [time_base.numerator, time_base.denominator],
            "extradata": stream.extradata.hex(),
        },
    }
    return json.dumps(order).encode() + b"\n"
