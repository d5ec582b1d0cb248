"""Web: what a server of live streams answers to requests: its page, its health, its metrics."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, final

from websockets.datastructures import Headers
from websockets.http11 import Response

from agent.live.page_files import HEADERS
from agent.telemetry.live_metrics import live_text

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request

    from agent.live.house import House

_TEXT = "text/plain; charset=utf-8"
_METRICS = "text/plain; version=0.0.4; charset=utf-8"


@final
class Web:
    """Answers requests, on the event loop's thread."""

    def __init__(self, house: House) -> None:
        self._house = house

    def answer(self, socket: ServerConnection, request: Request) -> Response | None:
        """What to send; None where a web socket may be opened."""
        admission = self._house.admission
        hosts, origins = (request.headers.get_all(name) for name in ("Host", "Origin"))
        host = hosts[0] if len(hosts) == 1 else ""
        if not admission.knows_host(host, _ip(socket.local_address)):
            text = "this host is not served here; --host (live.hosts of a service) names another"
            return _response(HTTPStatus.MISDIRECTED_REQUEST, text)
        path = request.path.partition("?")[0]
        if path == "/ws":
            if len(origins) == 1 and admission.knows_origin(origins[0], host):
                return None
            return _response(HTTPStatus.FORBIDDEN, "only this server's own page may connect")
        if path == "/healthz":
            return self._health(may_ask=self._may_ask(socket, request))
        if path == "/metrics":
            if self._may_ask(socket, request):
                return _response(HTTPStatus.OK, live_text(self._house.status()), _METRICS)
            refusal = _response(HTTPStatus.UNAUTHORIZED, "the token is needed as a bearer")
            refusal.headers["WWW-Authenticate"] = "Bearer"
            return refusal
        if (file := self._house.page.at(path)) is not None:
            return _response(HTTPStatus.OK, file.content, file.kind)
        return _response(HTTPStatus.NOT_FOUND, "there is nothing at this address")

    def _may_ask(self, socket: ServerConnection, request: Request) -> bool:
        bearers = request.headers.get_all("Authorization")
        peer = _ip(socket.remote_address)
        return self._house.admission.may_ask(peer, bearers[0] if bearers else None)

    def _health(self, *, may_ask: bool) -> Response:
        """Whether it is well is no secret, unlike what streams there are and what ails them."""
        ailment = self._house.ailment()
        if ailment is None:
            return _response(HTTPStatus.OK, "ok")
        text = ailment if may_ask else "a stream gives no pictures"
        return _response(HTTPStatus.SERVICE_UNAVAILABLE, text)


def _response(status: HTTPStatus, body: str | bytes, kind: str = _TEXT) -> Response:
    content = f"{body.rstrip()}\n".encode() if isinstance(body, str) else body
    headers = Headers(HEADERS)
    headers["Content-Type"] = kind
    headers["Content-Length"] = str(len(content))
    headers["Connection"] = "close"
    return Response(status.value, status.phrase, headers, content)


def _ip(address: object) -> str:
    """Of an address as sockets have it; none where the connection has gone already."""
    return str(address[0]) if isinstance(address, tuple) else ""
