"""Browsers that send recorded pictures, for the benchmark: `python -m tests.bench.live_crowd`.

Each sends as many a second as it is told by its own clock, as far as the rule of `agent.live.ledger` lets it, and
takes the time from a picture's leaving to its coming back.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import pickle
import struct
import time
from dataclasses import dataclass, field
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect

from agent.live.ledger import Credit, may_send

_HEADER = struct.Struct(">BBHIQ")
_CAMERA, _KEY = 16, 1


@dataclass
class Browser:
    """What one sent and got.

    Attributes:
        delays_s: of pictures that came back, with when they did.
    """

    credit: Credit
    untaken: dict[int, float] = field(default_factory=dict)
    open: dict[int, float] = field(default_factory=dict)
    delays_s: list[tuple[float, float]] = field(default_factory=list)
    sent: int = 0
    held: int = 0
    dropped: int = 0
    wants_key: bool = False

    def may_send(self, now: float) -> bool:
        """By the client's rule."""
        ages = [[1000 * (now - at) for at in group.values()] for group in (self.untaken, self.open)]
        return may_send(self.credit, *ages)

    def take(self, message: str | bytes, now: float) -> None:
        """What the server says."""
        if isinstance(message, bytes):
            number = _HEADER.unpack_from(message)[3]
            if (at := self.open.pop(number, None)) is not None:
                self.delays_s.append((now, now - at))
            self.untaken.pop(number, None)
            return
        said = json.loads(message)
        if said["type"] == "taken":
            self.untaken.pop(said["number"], None)
        elif said["type"] == "dropped":
            self.dropped += len(said["numbers"])
            for number in said["numbers"]:
                self.untaken.pop(number, None)
                self.open.pop(number, None)
        elif said["type"] == "key":
            self.wants_key = True


async def browse(
    port: int, size: tuple[int, int], coded: list[bytes], rate: int, seconds: float
) -> Browser:
    """Be a camera for so long; `coded` begins with a key, and is sent in a circle."""
    address = f"127.0.0.1:{port}"
    async with connect(
        f"ws://{address}/ws", origin=f"http://{address}", compression=None, proxy=None
    ) as socket:
        camera = {"codec": "h264", "width": size[0], "height": size[1]}
        hello = {"type": "hello", "v": 1, "token": None, "want": "camera", "as": "h264"}
        await socket.send(json.dumps({**hello, "camera": camera}))
        welcome = json.loads(await socket.recv())
        names = "most_untaken", "most_age_ms", "most_late_ms"
        browser = Browser(Credit(*(welcome[name] for name in names)))
        listening = asyncio.ensure_future(_listen(socket, browser))
        await _send(socket, browser, coded, rate, seconds)
        listening.cancel()
        return browser


async def _listen(socket: ClientConnection, browser: Browser) -> None:
    async for message in socket:
        browser.take(message, time.monotonic())


async def _send(
    socket: ClientConnection, browser: Browser, coded: list[bytes], rate: int, seconds: float
) -> None:
    """A frame that may not be sent is left out before it is encoded: the next one follows the last."""
    began, at = time.monotonic(), 0
    for tick in range(round(seconds * rate)):
        await asyncio.sleep(max(0.0, began + tick / rate - time.monotonic()))
        now = time.monotonic()
        if not browser.may_send(now):
            browser.held += 1
            continue
        if browser.wants_key:
            at, browser.wants_key = 0, False
        browser.sent += 1
        number, is_key, data = browser.sent, at == 0, coded[at]
        browser.untaken[number] = browser.open[number] = now
        head = _HEADER.pack(_CAMERA, _KEY * is_key, 0, number, round(now * 1e6))
        await socket.send(head + data)
        at = (at + 1) % len(coded)


async def crowd(args: argparse.Namespace) -> list[Browser]:
    """All of them, a little after each other."""
    size, coded = pickle.loads(args.coded.read_bytes())  # noqa: S301 our own file

    async def one(i: int) -> Browser:
        await asyncio.sleep(i * 0.37 / args.rate)
        return await browse(args.port, size, coded, args.rate, args.seconds)

    return await asyncio.gather(*(one(i) for i in range(args.clients)))


def main() -> None:
    """Print, for each, the pictures that came back after the first seconds, and their delays."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("coded", type=Path)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--rate", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--warm", type=float, default=3.0)
    args = parser.parse_args()
    began = time.monotonic()
    found = []
    for browser in asyncio.run(crowd(args)):
        delays_s = [d for at, d in browser.delays_s if at > began + args.warm]
        found.append(
            {
                "delays_s": delays_s,
                "fps": len(delays_s) / (args.seconds - args.warm),
                "held": browser.held,
                "dropped": browser.dropped,
            }
        )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
