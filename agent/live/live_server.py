"""LiveServer: live streams for browsers, and browsers as cameras, on one port."""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import logging
import ssl
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, cast, final

from websockets.asyncio.server import serve

from agent.errors import InputError, OutputError
from agent.live.admission import Admission, Limits
from agent.live.connection import Connection
from agent.live.house import House
from agent.live.page_files import PageFiles
from agent.live.socket import Socket
from agent.live.web import Web
from agent.live.wire import MESSAGE_BYTES
from agent.telemetry.ip_port import ip_and_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from websockets.asyncio.server import Server, ServerConnection

    from agent.live.show import Cameras, Show
    from agent.telemetry.live_metrics import LiveStatus

PAGE = Path(__file__).parent / "page"

_OPENING = 16
_OBEYING = 8
"""Threads that open cameras, and that obey. Chosen, not measured: no client has more than one."""
_CLOSE_S = 1.0
"""What clients may take to say good-bye. Chosen, not measured."""
_LATE_S = 3.0
"""And cameras to be closed after that; whatever then still waits is left. Chosen, not measured."""
_UNREAD = 8
"""A client's messages that wait to be looked at. Chosen: a second of a camera at 8 fps."""

_quiet = logging.getLogger(f"{__name__}.websockets")
_quiet.setLevel(logging.CRITICAL + 1)
"""Of the library, which tells of every client that breaks off in a traceback."""


@final
class LiveServer:
    """Serves streams from a thread of its own, once started.

    Args:
        listen: an IP address and a port, as 127.0.0.1:8080; port 0: a free one.
        shows: all streams that anybody may watch, by name; asked anew for each client.
        cameras: opens streams of browsers; None: none may be a camera.
        page: the folder of what browsers load.
        names: hosts by which clients may call this machine, beside the address.
        token: what clients must say first; needed unless `listen` is of this machine alone.
        tls: certificate chain and key, PEM; None: in the clear, where others may only watch.
        limits: what clients may take.
        setting: what a person writes the address into.

    Raises:
        InputError: the page, the certificate or the key can't be read.
        UsageError: the address is none, a token is missing, or a host's name is none.
    """

    def __init__(
        self,
        listen: str,
        shows: Callable[[], Mapping[str, Show]],
        cameras: Cameras | None = None,
        *,
        page: Path = PAGE,
        names: Iterable[str] = (),
        token: str | None = None,
        tls: tuple[Path, Path] | None = None,
        limits: Limits | None = None,
        setting: str = "--listen",
    ) -> None:
        self._ip, self._port = ip_and_port(listen, setting)
        self._setting = setting
        names = tuple(names)
        admission = Admission(self._ip, names, token, is_private=tls is not None)
        self._tls = None if tls is None else _tls_of(*tls)
        self._name = names[0] if names else None
        self._house = House(
            shows,
            cameras,
            admission,
            limits or Limits(),
            PageFiles(page),
            opening=ThreadPoolExecutor(_OPENING, "live-camera"),
            obeying=ThreadPoolExecutor(_OBEYING, "live-command"),
        )
        self._sockets: set[Socket] = set()
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """Where it listens; once started, the one that it got."""
        return self._port

    @property
    def address(self) -> str:
        """What to open in a browser."""
        ip = ipaddress.ip_address(self._ip)
        host = f"[{ip}]" if ip.version == 6 else str(ip)
        if self._name is not None:
            host = self._name
        elif ip.is_unspecified:
            host = "localhost"
        return f"http{'' if self._tls is None else 's'}://{host}:{self._port}"

    def status(self) -> LiveStatus:
        """How it is now; from any thread."""
        return self._house.status()

    def start(self) -> None:
        """Listen, and serve from now on; once only.

        Raises:
            OutputError: nothing can listen there.
        """
        started: Future[int] = Future()
        work = functools.partial(asyncio.run, self._main(started))
        self._thread = threading.Thread(target=work, name="live", daemon=True)
        self._thread.start()
        self._port = started.result()

    def close(self) -> None:
        """Say good-bye to all clients, and let go of everything; harmless again."""
        if self._thread is None or self._loop is None:
            return
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    async def _main(self, started: Future[int]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        try:
            server = await self._listen()
        except OSError as error:
            started.set_exception(
                OutputError(
                    f"nothing can listen on {self._ip}, port {self._port}: {error.strerror}; "
                    f"set {self._setting} to another address"
                )
            )
            return
        except BaseException as error:  # or the one who waits would for ever
            started.set_exception(error)
            raise
        started.set_result(server.sockets[0].getsockname()[1])
        await self._stop.wait()
        server.close()
        _, late = await asyncio.wait(
            [asyncio.ensure_future(server.wait_closed())], timeout=_CLOSE_S
        )
        if late:
            for each in [*self._sockets]:
                each.transport.abort()
            await asyncio.wait(late, timeout=_LATE_S)
        for executor in (self._house.opening, self._house.obeying):
            executor.shutdown(wait=False)

    async def _listen(self) -> Server:
        limits = self._house.limits
        web = Web(self._house)
        socket = functools.partial(
            Socket,
            sockets=self._sockets,
            most=limits.sockets,
            frames_per_s=limits.frames_per_s,
        )
        return await serve(
            self._serve_client,
            self._ip,
            self._port,
            process_request=web.answer,
            create_connection=cast("type[ServerConnection]", socket),  # it is only called
            compression=None,
            server_header=None,
            open_timeout=limits.handshake_s,
            ping_interval=None,  # `Outgoing` pings
            close_timeout=_CLOSE_S,
            max_size=MESSAGE_BYTES,
            max_queue=_UNREAD,
            logger=_quiet,
            ssl=self._tls,
            ssl_handshake_timeout=None if self._tls is None else limits.handshake_s,
        )

    async def _serve_client(self, socket: ServerConnection) -> None:
        if isinstance(socket, Socket):  # which `create_connection` makes
            await Connection(socket, self._house).serve()


def _tls_of(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except OSError as error:  # ssl.SSLError is one
        raise InputError(
            f"{certificate} and {key} are no certificate and its key, in PEM and without a "
            f"password: {error.strerror or error}"
        ) from error
    return context
