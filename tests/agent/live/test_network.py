"""A live server that others than its own machine can reach: by TLS, or to watch only."""

import http.client
import socket
import ssl
from dataclasses import replace

import pytest
import trustme
from live_world import STATE, Booth, Client, Closed, Stage, serving, witness

from agent.errors import InputError
from agent.live.admission import Limits
from agent.live.live_server import LiveServer
from agent.live.wire import Picture

TOKEN = "correct horse battery"  # noqa: S105 of this test alone
ANYWHERE = "0.0.0.0:0"


def outward():
    """An address of this machine's that others could reach; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("needs an address beside the loopback's")
        return probe.getsockname()[0]


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def tls(authority, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    issued = authority.issue_cert("localhost", "cam.example")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    for blob in issued.cert_chain_pems:
        blob.write_to_path(folder / "cert.pem", append=True)
    return folder / "cert.pem", folder / "key.pem"


def test_in_the_clear_others_may_watch_with_the_token_and_be_no_camera(tmp_path):
    address, stage, booth = outward(), Stage(), Booth()
    with serving(tmp_path, [stage], booth, ANYWHERE, token=TOKEN) as server:
        assert server.address == f"http://localhost:{server.port}"
        with Client(server, address=address) as client:
            client.hello(token=TOKEN).next("welcome")
            stage.show()
            client.next(Picture)
        with Client(server, address=address) as client:
            (refused,), closed = client.hello("camera", token=TOKEN).end()
            assert "open the page by https" in refused["text"]
            assert closed == Closed(1008, "insecure")
        with Client(server, address=address) as client:
            assert client.hello().end()[1] == Closed(1008, "token")
        with Client(server, address=address, host=f"localhost:{server.port}") as client:
            assert client.status == 421
        with Client(server) as client:  # of this machine, whose page is secure
            client.hello("camera", token=TOKEN).next("welcome")
        assert booth.opened == 1
        connection = http.client.HTTPConnection(address, server.port, timeout=60)
        for headers, status in (({}, 401), ({"Authorization": f"Bearer {TOKEN}"}, 200)):
            connection.request("GET", "/metrics", headers=headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == status
        stage.condition = replace(STATE, state="reconnecting", why="10.0.0.5 hung up")
        for headers, tells in (({}, False), ({"Authorization": f"Bearer {TOKEN}"}, True)):
            connection.request("GET", "/healthz", headers=headers)
            answer = connection.getresponse()
            assert (b"10.0.0.5" in answer.read()) == tells
            assert answer.status == 503


def test_by_tls_others_may_be_cameras(tmp_path, authority, tls):
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    address, stage, booth = outward(), Stage(), Booth()
    settings = {"token": TOKEN, "tls": tls, "names": ["cam.example"]}
    with serving(tmp_path, [stage], booth, ANYWHERE, **settings) as server:
        assert server.address == f"https://cam.example:{server.port}"
        host = f"cam.example:{server.port}"
        with Client(server, address=address, host=host, tls=trusting) as client:
            client.hello("camera", token=TOKEN).next("welcome")
            client.chunk(1)
            assert client.next(Picture).number == 1


@pytest.mark.slow
def test_a_handshake_of_tls_that_never_ends_holds_nobody_up(tmp_path, authority, tls):
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    class Secure(Client):
        def __init__(self, server):
            super().__init__(server, tls=trusting)

    stage = Stage()
    limits = Limits(handshake_s=1.0)
    with (
        serving(tmp_path, [stage], tls=tls, limits=limits) as server,
        witness(server, stage, Secure),
        socket.create_connection(("127.0.0.1", server.port), timeout=60) as silent,
        socket.create_connection(("127.0.0.1", server.port), timeout=60) as plain,
    ):
        plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for each in (plain, silent):
            while each.recv(100):  # a word of TLS, or none
                pass


@pytest.mark.parametrize("files", [("key", "key"), ("cert", "cert"), ("cert", "none")], ids=str)
def test_files_that_are_no_certificate_and_key_are_named(tls, files):
    folder = tls[0].parent
    certificate, key = (folder / f"{name}.pem" for name in files)
    with pytest.raises(InputError, match=f"{key} are no certificate and its key"):
        LiveServer("127.0.0.1:0", dict, tls=(certificate, key))
