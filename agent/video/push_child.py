"""`python -m agent.video.push_child`: sends one stream to a server, for `agent.video.push_process`.

In a process of its own, because libav waits for ever for a server that takes nothing.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
from av.error import FFmpegError, HTTPForbiddenError, HTTPNotFoundError, HTTPUnauthorizedError
from av.packet import Packet

from agent.video.muxer import bare_stream
from models.give_way import end_with_parent

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

PACKET = struct.Struct(">q?I")
"""What comes before each packet: its time in ticks, whether it is a key, and its bytes."""
CONNECTED, REFUSED, FAILED = b"+", b"!", b"-"
"""What is said once the server takes pictures, and before the reason why it doesn't."""

_REFUSALS: dict[type[FFmpegError], str] = {
    HTTPUnauthorizedError: "asks for another password (401); give the right one with its address",
    HTTPForbiddenError: "doesn't let this user push there (403); name another one in its address",
    HTTPNotFoundError: "has no such path (404); correct the address",
}


def main() -> int:
    """Connect, and send what comes until it ends; the exit code."""
    end_with_parent()  # who is killed can't kill a child that hangs
    out = os.dup(1)
    os.dup2(2, 1)  # what libraries print is no answer
    order = json.loads(sys.stdin.buffer.readline())
    if order["parent"] != os.getppid():  # which was killed before
        return 1
    try:
        with av.open(order["url"], "w", format=order["format"], options=order["options"]) as target:
            stream = _added(target, order["stream"])
            target.start_encoding()
            os.write(out, CONNECTED)
            _send_all(target, stream)
    except FFmpegError as error:
        # Never the error's text, which has the address.
        refusal = _REFUSALS.get(type(error))
        said = (
            REFUSED + refusal.encode()
            if refusal
            else FAILED + (error.strerror or "failed").encode()
        )
        os.write(out, said)
        return 1
    return 0


def _added(target: OutputContainer, told: dict[str, Any]) -> VideoStream:
    return bare_stream(
        target,
        told["codec"],
        (told["width"], told["height"]),
        Fraction(*told["time_base"]),
        bytes.fromhex(told["extradata"]),
    )


def _send_all(target: OutputContainer, stream: VideoStream) -> None:
    time_base = stream.codec_context.time_base
    while len(head := sys.stdin.buffer.read(PACKET.size)) == PACKET.size:
        time, is_key, size = PACKET.unpack(head)
        data = sys.stdin.buffer.read(size)
        if len(data) < size:
            return
        packet = Packet(data)
        packet.pts = packet.dts = time
        packet.time_base, packet.is_keyframe, packet.stream = time_base, is_key, stream
        target.mux(packet)


if __name__ == "__main__":
    sys.exit(main())
