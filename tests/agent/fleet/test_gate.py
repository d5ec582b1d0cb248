"""Who is let into the console: whoever has the address, on a page of its own."""

import asyncio

import pytest

from agent.fleet.console.gate import Gate, refusal

TOKEN, PORT = "abc", 8765
HOST = f"127.0.0.1:{PORT}"
OURS = {"host": HOST, "origin": f"http://{HOST}"}


def refused(kind="http", path=f"/{TOKEN}/", **headers):
    return refusal(kind, path, headers, token=TOKEN, port=PORT)


@pytest.mark.parametrize(
    ("kind", "path", "headers"),
    [
        ("http", "/abc", {"host": HOST}),
        ("http", "/abc/device/gate-7", {"host": f"localhost:{PORT}"}),
        ("http", "/abc/", OURS),
        ("websocket", "/abc/_nicegui_ws/socket.io/", OURS),
    ],
)
def test_the_address_lets_in(kind, path, headers):
    assert refused(kind, path, **headers) is None


@pytest.mark.parametrize(
    "path", ["/", "/abd/", "/ab", "/abcd/", "//abc/", "/x/abc/", "/ABC/", "/é/", ""]
)
def test_without_the_token_nothing_is_there(path):
    assert "address" in refused(path=path, host=HOST)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        f"evil.example:{PORT}",
        "127.0.0.1",
        "127.0.0.1:1",
        f"{HOST}.",
        "",
        f" {HOST}",
    ],
)
def test_a_name_that_leads_here_is_not_ours(host):
    assert "Host" in refused(host=host, origin=f"http://{host}")


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "",
        f"https://{HOST}",
        "http://127.0.0.1:1",
        f"http://localhost:{PORT}",
    ],
)
def test_a_page_of_anybody_else_is_refused(origin):
    for kind in ("http", "websocket"):
        assert "page" in refused(kind, host=HOST, origin=origin)


def test_a_websocket_has_to_say_whose_page_it_is_of():
    assert "page" in refused("websocket", host=HOST)


def test_what_is_refused_never_reaches_what_is_behind():
    reached, sent = [], []

    async def behind(scope, _receive, send):
        reached.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    def ask(kind, path):
        sent.clear()
        headers = [(b"host", HOST.encode())]
        scope = {"type": kind, "path": path, "headers": headers}
        asyncio.run(Gate(behind, TOKEN, PORT)(scope, receive, send))
        return sent[0]

    assert ask("http", "/abd/")["status"] == 403
    assert ask("websocket", "/abc/") == {"type": "websocket.close", "code": 1008}
    assert reached == []
    answer = ask("http", "/abc/")
    assert (answer["status"], reached) == (200, ["/abc/"])
    assert b"frame-ancestors 'none'" in dict(answer["headers"])[b"content-security-policy"]
