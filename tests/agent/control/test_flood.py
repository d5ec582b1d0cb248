"""A broker that never stops talking: a session that listens goes on to live."""

import contextlib
import multiprocessing
import socket
import ssl
import time

import pytest
from authority import Authority
from mqtt_client import Client

from agent.control.broker import Broker, Tls

_ACCEPTED = b"\x20\x03\x00\x00\x00"
_PUBLISH = b"\x30\x68" + b"\x00\x01a" + b"\x00" + b"x" * 100


class Talker:
    """Lets whoever comes in, and then sends messages that end in the middle of a TLS record.

    So there is always something left that was decrypted already.
    """

    def __init__(self, authority):
        shown = authority.issue("127.0.0.1", host=True)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(shown.cert, shown.key)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        # Of a process of its own: in this one it would wait for who listens.
        self._process = multiprocessing.get_context("fork").Process(target=self._talk, daemon=True)

    def __enter__(self):
        self._process.start()
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.join()
        self._process.close()
        self._listening.close()

    def _talk(self):
        plain, _ = self._listening.accept()
        plain.settimeout(30)
        with contextlib.suppress(OSError), self._context.wrap_socket(plain, server_side=True) as to:
            to.recv(4096)
            to.sendall(_ACCEPTED)
            to.sendall(_PUBLISH[:10])
            record = _PUBLISH[10:] + _PUBLISH * 150 + _PUBLISH[:10]
            while True:
                to.sendall(record)


@pytest.mark.slow
def test_who_never_stops_talking_does_not_stop_the_loop(tmp_path):
    """Else the agent would be taken for dead, and ended, for what a broker does."""
    authority = Authority(tmp_path)
    with Talker(authority) as talker:
        address = Broker("127.0.0.1", talker.port, tls=Tls(authority.ca), jitter_s=0.0)
        with Client(address, "listener") as listener:
            listener.wait(lambda: len(listener.heard) > 1000)
            heard_s = listener.session.heard_s
            for _ in range(3):
                deadline_s = time.monotonic() + 30
                while listener.session.heard_s == heard_s:
                    assert time.monotonic() < deadline_s, "its loop does not go round"
                    time.sleep(0.05)
                heard_s = listener.session.heard_s
