"""What a live server meets: streams that are shown, cameras that are opened, clients of every kind."""

import base64
import json
import socket
import struct
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction

from coded import STREAM, coded

from agent.errors import InputError
from agent.frames.encoded import _SEAL, EncodedStream
from agent.live.live_server import LiveServer
from agent.live.show import BusyError, Pause, Resume, Seek, ShowState
from agent.live.wire import CAMERA, Picture
from agent.video.fanout import Fanout

PATIENCE_S = 60.0
"""Nothing here takes as long; only what will never come does."""

STATE = ShowState(
    state="live",
    why=None,
    fps=30.0,
    delay_ms_p50=40.0,
    delay_ms_p95=90.0,
    every=3,
    latency="short",
    hold_back_frames=6,
    dropped=0,
    whole_share=0.0,
    seekable=False,
    position_s=None,
    duration_s=None,
    last_picture_s=0.02,
)


def stream(width=96, height=64, codec="h264"):
    return EncodedStream(
        _SEAL,
        codec=codec,
        width=width,
        height=height,
        time_base=Fraction(1, 25),
        frame_rate=Fraction(25),
        sample_aspect_ratio=Fraction(1),
        colour=STREAM.colour,
        matrix_code=2,
        extradata=b"\0\0\0\1\x67\x42\xc0\x1e",
        shift=0,
        annotated=False,
    )


def until(reached):
    end = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.002)


class Stage:
    """A stream that shows a picture whenever it is told to; its viewers may be as slow as they like."""

    def __init__(self, name="door", most_age_s=1e6, most_bytes=1 << 30, size=100):
        self.name, self.fanout = name, Fanout(most_age_s, most_bytes)
        self.condition = STATE
        self.obeyed = []
        self.written_at = {}
        self.size = size
        self.pts = -1
        self.begin()

    def begin(self, **size):
        self.fanout.start(stream(**size))

    def show(self, pictures=1):
        for _ in range(pictures):
            self.pts += 1
            self.written_at[self.pts] = time.monotonic()
            is_key = self.fanout.wants_key()
            self.fanout.write(coded(self.pts, is_key=is_key, size=self.size))

    def state(self):
        return self.condition

    def do(self, command):
        self.obeyed.append(command)
        if isinstance(command, Pause | Resume):
            paused = isinstance(command, Pause)
            self.condition = replace(self.condition, state="paused" if paused else "live")
            return None
        if isinstance(command, Seek):
            return "not seekable"
        return None

    @contextmanager
    def playing(self):
        """A picture every few milliseconds."""
        over = threading.Event()

        def play():
            while not over.wait(0.005):
                self.show()

        thread = threading.Thread(target=play)
        thread.start()
        try:
            yield self
        finally:
            over.set()
            thread.join()


class OpenCamera:
    """A camera that shows what it gets at once, but each third, which it drops."""

    def __init__(self, booth, answers, number):
        self.show = Stage(f"camera-{number}")
        self.booth, self.answers, self.pushed = booth, answers, []

    def push(self, number, time_us, is_key, data):
        self.pushed.append((number, time_us, is_key, data))
        if number % 3 == 0:
            self.answers.dropped([number], "each third is")
            return
        self.answers.taken(number)
        self.show.pts = number - 1
        self.show.show()

    def number_of(self, pts):
        return pts

    def close(self, _why):
        self.booth.open_now.discard(self)


class Booth:
    """Room for so many cameras."""

    def __init__(self, limit=2):
        self.limit, self.open_now, self.opened = limit, set(), 0

    def open(self, hello, answers):
        if len(self.open_now) >= self.limit:
            raise BusyError(len(self.open_now), self.limit)
        if hello.codec == "vp8":
            raise InputError("this machine decodes no VP8")
        self.opened += 1
        camera = OpenCamera(self, answers, self.opened)
        self.open_now.add(camera)
        return camera


@contextmanager
def serving(folder, shows=(), cameras=None, listen="127.0.0.1:0", **settings):
    """A server with a page of two files."""
    page = folder / "page"
    page.mkdir(exist_ok=True)
    (page / "index.html").write_text("<!doctype html><title>live</title>")
    (page / "live.js").write_text("'use strict';")
    server = LiveServer(
        listen, lambda: {show.name: show for show in shows}, cameras, page=page, **settings
    )
    server.start()
    try:
        yield server
    finally:
        server.close()


@dataclass(frozen=True)
class Closed:
    """How a connection ended; 1006: without a word."""

    code: int
    reason: str


class Client:
    """A web socket, frame by frame: does nothing of itself but answer pings when it reads."""

    def __init__(self, server, *, origin=..., host=None, path="/ws", tls=None, address="127.0.0.1"):
        self.host = host or f"{address}:{server.port}"
        origin = f"http{'s' if tls else ''}://{self.host}" if origin is ... else origin
        raw = socket.create_connection((address, server.port), timeout=PATIENCE_S)
        self.socket = raw if tls is None else tls.wrap_socket(raw, server_hostname="localhost")
        key = base64.b64encode(bytes(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: {self.host}", "Upgrade: websocket"]
        lines += ["Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
        lines += [] if origin is None else [f"Origin: {origin}"]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self.buffer = b""
        try:
            while b"\r\n\r\n" not in self.buffer:
                self._read()
        except OSError:
            self.socket.close()
            raise
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        self.status = int(head.split()[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def say(self, message):
        """Send a text, bytes, or JSON."""
        if isinstance(message, dict):
            message = json.dumps(message)
        is_text = isinstance(message, str)
        self.frame(1 if is_text else 2, message.encode() if is_text else message)

    def frame(self, opcode, payload, *, ends=True):
        size, first = len(payload), 0x80 * ends | opcode
        if size < 126:
            head = struct.pack(">BB", first, 0x80 | size)
        elif size < 65536:
            head = struct.pack(">BBH", first, 0x80 | 126, size)
        else:
            head = struct.pack(">BBQ", first, 0x80 | 127, size)
        self.socket.sendall(head + bytes(4) + payload)  # masked by zeros

    def hello(self, want="watch", **settings):
        camera = {"codec": "h264", "width": 640, "height": 360} if want == "camera" else None
        self.say({"type": "hello", "v": 1, "want": want, "camera": camera} | settings)
        return self

    def chunk(self, number, payload=b"picture", *, is_key=True):
        self.say(bytes(Picture(CAMERA, number, number * 33_000, is_key, payload)))

    def take(self):
        """The next message: a dict, a `Picture`, or `Closed`."""
        while True:
            first, second = self._bytes(2)
            size = second & 127
            if size > 125:
                size = int.from_bytes(self._bytes(2 if size == 126 else 8), "big")
            payload = self._bytes(size)
            match first & 15:
                case 9:
                    self.frame(10, payload)
                case 8:
                    return Closed(struct.unpack(">H", payload[:2])[0], payload[2:].decode())
                case 1:
                    return json.loads(payload)
                case 2:
                    kind, flags, _, number, time_us = struct.unpack(">BBHIQ", payload[:16])
                    return Picture(kind, number, time_us, bool(flags), payload[16:])

    def next(self, wanted):
        """The next message of a type, or the next picture; passes over others."""
        while True:
            message = self.take()
            if isinstance(message, wanted if isinstance(wanted, type) else dict) and (
                isinstance(wanted, type) or message["type"] == wanted
            ):
                return message
            assert not isinstance(message, Closed), message

    def end(self):
        """All messages up to the end, and how it ended."""
        messages = []
        try:
            while not isinstance(message := self.take(), Closed):
                messages.append(message)
        except OSError:
            message = Closed(1006, "")
        return messages, message

    def _bytes(self, size):
        while len(self.buffer) < size:
            self._read()
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def _read(self):
        more = self.socket.recv(1 << 16)
        if not more:
            raise ConnectionResetError("it was closed without a word")
        self.buffer += more


@contextmanager
def witness(server, stage, kind=Client):
    """Somebody beside who watches, and must lose no picture: checked at the end."""
    seen = []
    with kind(server) as client:
        client.hello(stream=stage.name).next("welcome")

        def watch():
            while isinstance(message := client.take(), dict | Picture):
                if isinstance(message, Picture):
                    seen.append(round(message.time_us / 40_000))

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            stage.show(5)
            yield seen
            stage.show(5)
            last = stage.pts
            until(lambda: seen[-1:] == [last])
            assert seen == list(range(seen[0], last + 1))
        finally:
            client.frame(8, b"\x03\xe8")
            thread.join()
