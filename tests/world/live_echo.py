"""LiveEcho: a server that speaks to the live page, and sends back what a camera sends, undetected."""

import contextlib
import io
import threading
import time
from dataclasses import asdict, replace
from fractions import Fraction
from http import HTTPStatus
from pathlib import Path

import av
import numpy as np
from picture_number import read_number, stamped
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Response
from websockets.sync.server import serve
from worlds import until

import agent.live
from agent.live import wire
from agent.live.asked import asked_of
from agent.live.show import ShowState

PAGE = Path(agent.live.__file__).parent / "page"
_KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_FRAGMENTS = "frag_every_frame+empty_moov+default_base_moof+skip_trailer"
_RATE = 30
_USUAL = ShowState(
    state="live",
    why=None,
    fps=30.0,
    delay_ms_p50=3.0,
    delay_ms_p95=9.0,
    every=3,
    latency="low",
    hold_back_frames=0,
    dropped=0,
    whole_share=0.0,
    seekable=False,
    position_s=None,
    duration_s=None,
    last_picture_s=0.0,
)
_SIZE = (320, 180)


class LiveEcho:
    """A context. What it met is in its fields.

    Attributes:
        numbers: of each camera's picture that came, by its number, what the picture carries.
        keys: whether it was a key, likewise.
        dropped: numbers that no picture came of.
        hellos: all that were said.
        orders: `what` and `to_s` of each command.
        came: the highest number that had come when the last order of a kind did, by its `what`.
        streams: names that can be watched; each counts its pictures.
        limit: so many cameras may be open.
        busy: what the next is told.
        token: that is asked for, or None.
        drops: a number of which each multiple is dropped.
        most_late_ms: how late a picture of a camera may be.
        silent: whether no picture is sent.
        whole: why pictures are covered whole, or None.
        codec: what its pictures are said to be.
        state: told twice a second, over what is always so.
    """

    def __init__(self):
        self._sockets, self._cameras, self._paused = set(), set(), set()
        self.reset()

    def reset(self):
        """Once nobody is connected any more: forget what was, and be as at first.

        A page that was left has pictures on the way; read after this, they would be the next page's.
        """
        until(lambda: not self._sockets)
        self.numbers, self.keys, self.dropped = {}, {}, []
        self.hellos, self.orders, self.streams = [], [], []
        self.came = {}
        self.limit, self.token, self.drops, self.most_late_ms = 5, None, 0, 400
        self.silent, self.whole, self.state = False, None, {}
        self.codec = "avc1.42C01E"
        self.busy = wire.Refused(why="busy", text="5 of 5 cameras are open", clients=5, limit=5)

    def hang_up(self):
        """Close all connections, as a server does that ends."""
        for socket in tuple(self._sockets):
            socket.close(1001)

    def ask_for_key(self):
        for socket in tuple(self._sockets):
            socket.send(str(wire.KeyWanted()))

    def __enter__(self):
        self._server = serve(
            self._meet, "127.0.0.1", 0, process_request=self._answer, compression=None
        )
        self.port = self._server.socket.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}/"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self.hang_up()
        self._thread.join()

    def _answer(self, _, request):
        if request.path == "/ws":
            return None
        file = PAGE / (request.path.strip("/") or "index.html")
        body = file.read_bytes() if file.parent == PAGE and file.is_file() else b""
        headers = Headers()
        headers["Content-Type"] = _KINDS.get(file.suffix, "text/plain")
        headers["Content-Length"] = str(len(body))
        headers["Connection"] = "close"
        headers["Cache-Control"] = "no-store"  # as ours: kept, a page that was left stays connected
        headers["Content-Security-Policy"] = "default-src 'self'; media-src 'self' blob:"
        status = HTTPStatus.OK if body else HTTPStatus.NOT_FOUND
        return Response(status.value, status.phrase, headers, body)

    def _meet(self, socket):
        self._sockets.add(socket)
        try:
            hello = asked_of(socket.recv(5))
            self.hellos.append(hello)
            if self.token is not None and hello.token != self.token:
                refused = wire.Refused(why="token", text="This needs the token.")
                socket.send(str(refused))
                socket.close(wire.POLICY)
            elif hello.want == "camera":
                self._film(socket, hello)
            else:
                self._show(socket, hello)
        except ConnectionClosed:
            pass
        finally:
            self._sockets.discard(socket)
            self._paused.discard(socket)

    def _film(self, socket, hello):
        if len(self._cameras) >= self.limit:
            socket.send(str(self.busy))
            socket.close(wire.TRY_LATER)
            return
        self._cameras.add(socket)
        try:
            self._welcome(socket, "camera-1")
            eye = av.CodecContext.create(hello.camera.codec, "r")
            coder = _Coder(hello.as_, (hello.camera.width, hello.camera.height), self.codec)
            told = time.monotonic()
            while True:
                told = self._tell(socket, told)
                try:
                    message = socket.recv(0.1)
                except TimeoutError:
                    continue
                if isinstance(message, str):
                    self._obey(socket, message)
                    continue
                picture = wire.picture_of(message)
                for frame in eye.decode(av.Packet(picture.payload)):
                    socket.send(str(wire.Taken(number=picture.number)))
                    luma = frame.to_ndarray(format="gray")
                    self.numbers[picture.number] = read_number(luma)
                    self.keys[picture.number] = picture.is_key
                    if self.drops and picture.number % self.drops == 0:
                        self.dropped.append(picture.number)
                        gone = wire.Dropped(numbers=[picture.number], why="each so many-th")
                        socket.send(str(gone))
                    elif not self.silent:
                        coder.send(socket, luma, picture.number, picture.time_us, self.whole)
        finally:
            self._cameras.discard(socket)

    def _show(self, socket, hello):
        while not self.streams:
            self._welcome(socket, None)
            with contextlib.suppress(TimeoutError):
                self._obey(socket, socket.recv(1))
        self._welcome(socket, hello.stream or self.streams[0])
        coder = _Coder(hello.as_, _SIZE, self.codec)
        told = next_s = time.monotonic()
        number = 0
        while True:
            told = self._tell(socket, told)
            try:
                self._obey(socket, socket.recv(max(0, next_s - time.monotonic())))
            except TimeoutError:
                next_s = max(next_s + 1 / _RATE, time.monotonic())
                if not self.silent and socket not in self._paused:
                    number += 1
                    luma = stamped(np.full(_SIZE[::-1], 90, np.uint8), number)
                    coder.send(socket, luma, 0, number * 1_000_000 // _RATE, self.whole)

    def _welcome(self, socket, name):
        welcome = wire.Welcome(
            streams=self.streams,
            stream=name,
            clients=len(self._cameras),
            limit=self.limit,
            every=3,
            latency="low",
            hold_back_ms=0,
            most_untaken=4,
            most_age_ms=200,
            most_late_ms=self.most_late_ms,
        )
        socket.send(str(welcome))

    def _tell(self, socket, told):
        if time.monotonic() - told < 0.5:
            return told
        state = replace(_USUAL, state="paused" if socket in self._paused else "live", **self.state)
        socket.send(str(wire.StateTold(most_late_ms=self.most_late_ms, **asdict(state))))
        return time.monotonic()

    def _obey(self, socket, message):
        order = asked_of(message)
        self.came[order.what] = max(self.numbers, default=0)
        self.orders.append((order.what, order.to_s))
        if order.what in ("pause", "resume"):
            (self._paused.add if order.what == "pause" else self._paused.discard)(socket)
        socket.send(str(wire.Done(id=order.id)))


class _Coder:
    """Encodes for one viewer: pictures in Annex B, or fragments."""

    def __init__(self, way, size, codec):
        self._size, self._codec, self._started = size, codec, False
        self._written = io.BytesIO()
        self._container = None
        if way == "fmp4":
            options = {"movflags": _FRAGMENTS, "flush_packets": "1"}
            self._container = av.open(self._written, "w", format="mp4", options=options)
            self._coder = self._container.add_stream("libx264", rate=_RATE).codec_context
            self._stream = self._container.streams[0]
        else:
            self._coder = av.CodecContext.create("libx264", "w")
        self._coder.width, self._coder.height = size
        self._coder.pix_fmt = "yuv420p"
        self._coder.time_base = Fraction(1, 1_000_000)
        self._coder.framerate = Fraction(_RATE)
        self._coder.thread_count = 1
        self._coder.options = {"preset": "ultrafast", "tune": "zerolatency", "g": "30"}

    def send(self, socket, luma, number, time_us, whole):
        if luma.shape[::-1] != self._size:
            return
        if not self._started:
            self._started = True
            started = wire.StreamStarted(
                codec=self._codec, width=self._size[0], height=self._size[1], aspect=1
            )
            socket.send(str(started))
        frame = av.VideoFrame.from_ndarray(luma, "gray").reformat(format="yuv420p")
        frame.pts, frame.time_base = time_us, Fraction(1, 1_000_000)
        for packet in self._coder.encode(frame):
            is_key = packet.is_keyframe
            kind, payload = wire.ANNEX_B, bytes(packet)
            if self._container:
                packet.stream = self._stream
                self._container.mux(packet)
                kind, payload = wire.FMP4_FRAGMENT, self._written.getvalue()
                self._written.seek(0)
                self._written.truncate()
                start = payload.find(b"moof") - 4
                if start > 0:
                    first = wire.Picture(wire.FMP4_START, 0, 0, False, payload[:start])
                    socket.send(bytes(first))
                    payload = payload[start:]
                if not payload:
                    continue
            socket.send(bytes(wire.Picture(kind, number, time_us, is_key, payload)))
        socket.send(
            str(
                wire.Objects(
                    pts_us=time_us,
                    number=number,
                    objects=[wire.Seen(track=7, label="bottle", box=(0.25, 0.3, 0.6, 0.9))],
                    whole=whole,
                )
            )
        )
