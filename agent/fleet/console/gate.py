"""Gate: lets nobody into the console but who knows its address, and no page of anybody else.

A web server on 127.0.0.1 is reached by every program of this machine, and by every page that its
browsers show. So the address holds a token, and everything lies below it: there is no cookie that a
browser would send along by itself. `Host` has to be this machine's own (else a name that leads here
would make a stranger's page one of ours: DNS rebinding), `Origin`, where there is one, ours.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

HEADERS = {
    # Vue compiles templates and the editor its schema: both in the page, of what came from here.
    "content-security-policy": "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",  # the address is the key
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
"""On every answer. A page that holds a stranger's words can send nothing anywhere else."""


def refusal(
    kind: str, path: str, headers: Mapping[str, str], *, token: str, port: int
) -> str | None:
    """Why a request is refused; None: it isn't.

    Args:
        kind: `http` or `websocket`.
        headers: by their names in small letters.
    """
    hosts = (f"127.0.0.1:{port}", f"localhost:{port}")
    host, origin = headers.get("host", ""), headers.get("origin")
    if host not in hosts:
        return f"Host has to be {hosts[0]}; through a tunnel, use this port on both sides."
    if origin != f"http://{host}" and (origin is not None or kind == "websocket"):
        return "This is for no page but the console's own."
    given = path.removeprefix("/").partition("/")[0]
    if not hmac.compare_digest(given.encode(), token.encode()):
        return "Use the address that `sfumato ctl console` has printed; each start has a new one."
    return None


@final
class Gate:
    """An ASGI application before another one, which is mounted at `/<token>`."""

    def __init__(self, app: App, token: str, port: int) -> None:
        self.app, self._token, self._port = app, token, port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let through."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        said = refusal(scope["type"], scope["path"], headers, token=self._token, port=self._port)

        async def send_guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                ours = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message.get("headers", ()), *ours]
            await send(message)

        if said is None:
            await self.app(scope, receive, send_guarded)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            kind = [(b"content-type", b"text/plain; charset=utf-8")]
            await send_guarded({"type": "http.response.start", "status": 403, "headers": kind})
            await send({"type": "http.response.body", "body": f"{said}\n".encode()})
