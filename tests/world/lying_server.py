"""LyingServer: a web server of a folder, which answers as a test wants."""

from __future__ import annotations

import sys
import threading
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from pathlib import Path

    from typing_extensions import Self

CHUNK = 4096
"""Bytes that it sends at once."""


class LyingServer:
    """Files of a folder over HTTP/1.1, ranges and strong ETags included; a context.

    Args:
        tls: what it speaks TLS with; None: it does not.

    Attributes:
        url: of the folder.
        asked: paths and ranges that were asked for, in order.
        lies: how requests of a path's ending are answered, in turn, the last one ever after; who
            has none is answered well. A lie is called with the `Answering`.
    """

    def __init__(self, folder: Path, tls: ssl.SSLContext | None = None) -> None:
        self.folder = folder
        self.asked: list[tuple[str, str | None]] = []
        self.lies: dict[str, list[Callable[[Answering], None]]] = {}
        self.over = threading.Event()
        self._server = _Listening(("127.0.0.1", 0), Answering)
        self._server.owner = self
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http{'s' * bool(tls)}://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def lie(self, ending: str, *how: Callable[[Answering], None]) -> None:
        """Answer so from now on."""
        self.lies[ending] = list(how)

    def ranges(self, ending: str) -> list[str | None]:
        """What was asked for of such files."""
        return [asked for path, asked in self.asked if path.endswith(ending)]

    def way_of(self, path: str) -> Callable[[Answering], None]:
        for ending, how in self.lies.items():
            if path.endswith(ending):
                return how.pop(0) if len(how) > 1 else how[0]
        return truth


class _Listening(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        if not isinstance(sys.exc_info()[1], OSError):  # a client may hang up
            super().handle_error(*_)


class Answering(BaseHTTPRequestHandler):
    """One request, and what a lie may do with it.

    Attributes:
        data: bytes of the file that was asked for; None: there is none.
        start: from which the client wants them.
    """

    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_GET(self) -> None:
        owner: LyingServer = self.server.owner
        self.over = owner.over
        asked = self.headers["Range"]
        owner.asked.append((self.path, asked))
        file = owner.folder / self.path.lstrip("/")
        self.data = file.read_bytes() if file.is_file() else None
        self.start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        owner.way_of(self.path)(self)

    def head(self, code: int, **headers: object) -> None:
        """First line and headers; a name's _ is a -."""
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def send(self, data: bytes) -> None:
        """A part of the body, at once."""
        self.wfile.write(data)
        self.wfile.flush()

    def hang_up(self) -> None:
        """Close the connection, whatever was promised."""
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def truth(to: Answering, etag: str = '"one"') -> None:
    """What a good server answers."""
    if to.data is None:
        to.head(404, Content_Length=0)
        return
    size, fits = len(to.data), to.headers["If-Range"] in {None, etag}
    if to.headers["Range"] and fits and to.start >= size:
        to.head(416, Content_Range=f"bytes */{size}", Content_Length=0)
        return
    if to.headers["Range"] and fits:
        part = to.data[to.start :]
        where = f"bytes {to.start}-{size - 1}/{size}"
        to.head(206, Content_Range=where, Content_Length=len(part), ETag=etag)
    else:
        part = to.data
        to.head(200, Content_Length=size, ETag=etag, Date=formatdate(0))
    to.send(part)
