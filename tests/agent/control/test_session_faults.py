"""A session whose broker is not well: killed, frozen, silent, foreign, or unwilling."""

import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
import time

import pytest
from authority import Authority
from broker import Broker
from mqtt_client import Client

from agent.control.broker import Broker as Address
from agent.control.broker import Tls
from agent.control.delivery import Message

NOBODY_LISTENS = 0x10
BATCH = 30


def end(broker):
    broker.term()
    broker.start()


def kill(broker):
    broker.kill()
    broker.start()


def freeze(broker):
    broker.freeze()
    broker.thaw()


@pytest.mark.slow
@pytest.mark.parametrize("version", ["5", "3.1.1"])
@pytest.mark.parametrize("persistence", ["debian_default", "right"])
def test_all_that_is_said_is_heard_whatever_becomes_of_the_broker(tmp_path, version, persistence):
    """Said again until somebody is there, and heard before the next fault: what a broker that is
    killed had acknowledged and not passed on is lost, and the outbox's to bring back.
    """
    with Broker(tmp_path, persistence=persistence) as broker:
        address = broker.address(version=version)
        with Client(address, "listener", "a") as listener, Client(address, "speaker") as speaker:
            said = []
            for number, fault in enumerate([end, kill, freeze, kill, end, freeze, kill]):
                lost = len(listener.reasons), len(speaker.reasons)
                fault(broker)
                if fault is freeze:
                    listener.session.reconnect("frozen")
                    speaker.session.reconnect("frozen")
                listener.wait(lambda n=lost[0]: len(listener.reasons) > n)
                speaker.wait(lambda n=lost[1]: len(speaker.reasons) > n)
                listener.wait(lambda n=number: listener.connections == n + 2)
                said += [b"%d" % (BATCH * number + index) for index in range(BATCH)]
                for payload in said[-BATCH:]:
                    while speaker.publish("a", payload) == NOBODY_LISTENS:
                        pass
                listener.wait_for("a", said[-1])
            heard = list(dict.fromkeys(listener.payloads("a")))
            assert heard == said
            assert listener.session.reconnections == 7
            assert listener.session.alive


def test_what_a_frozen_broker_was_told_arrives_once_it_thaws(tmp_path):
    with Broker(tmp_path) as broker:
        address = broker.address()
        with Client(address, "listener", "a") as listener, Client(address, "speaker") as speaker:
            broker.freeze()
            assert speaker.session.publish(Message("a", b"said to the wall"), "token")
            broker.thaw()
            listener.wait_for("a", b"said to the wall")


@pytest.mark.parametrize("persistence", ["debian_default", "right"])
def test_a_command_outlives_an_orderly_end_of_the_broker(tmp_path, persistence):
    with Broker(tmp_path, persistence=persistence) as broker:
        with Client(broker.address(), "device", "cmd"):
            pass
        with Client(broker.address(), "operator") as operator:
            assert operator.publish("cmd", b"do") == 0
        end(broker)
        with Client(broker.address(), "device", "cmd") as device:
            device.wait_for("cmd", b"do")


def test_leaving_a_frozen_broker_takes_no_longer_than_it_may(tmp_path):
    with Broker(tmp_path) as broker:
        device = Client(broker.address(), "device")
        with device:
            broker.freeze()
            begun = time.monotonic()
            device.session.stop(Message("conn", b"clean"), 0.5)
            assert time.monotonic() - begun < 30
            assert not device.session.alive
            broker.thaw()


class Sham:
    """A server that is no broker: to what it is sent, it answers what it was given, in turn.

    Args:
        certificate: it speaks TLS.
    """

    def __init__(self, *answers, certificate=None):
        class Call(socketserver.BaseRequestHandler):
            def setup(self):
                if certificate is not None:
                    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                    context.load_cert_chain(certificate.cert, certificate.key)
                    self.request = context.wrap_socket(self.request, server_side=True)

            def finish(self):
                self.request.close()

            def handle(self):
                for answer in answers:
                    if self.request.recv(65536):
                        self.request.sendall(answer)
                while self.request.recv(65536):
                    pass

        self._tls = certificate and Tls(certificate.ca)
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Call)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self):
        self._thread.start()
        return Address(*self._server.server_address, "3.1.1", self._tls, jitter_s=0)

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


CONNACK = b"\x20\x02\x00\x00"
SUBACK = b"\x90\x03\x00\x01\x01"
SUBACK_REFUSED = b"\x90\x03\x00\x01\x80"


def test_a_subscription_that_is_refused_is_no_connection():
    with (
        Sham(CONNACK, SUBACK_REFUSED) as address,
        Client(address, "device", "cmd", waits=False) as device,
    ):
        device.wait(lambda: len(device.reasons) >= 2)
        assert device.connections == 0
        assert device.reasons[0].startswith("the broker refuses the subscription to cmd")


def test_all_that_stands_in_one_record_of_tls_is_heard_at_once(tmp_path):
    """It was decrypted together, so that no selector sees the rest."""
    certificate = Authority(tmp_path).issue("127.0.0.1", host=True)
    said = SUBACK + b"".join(b"\x30\x04\x00\x01a%d" % number for number in range(5))
    with (
        Sham(CONNACK, said, certificate=certificate) as address,
        Client(address, "device", "a") as device,
    ):
        device.wait(lambda: len(device.heard) == 5)
        assert device.payloads("a") == [b"0", b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize(
    "nonsense",
    [
        b"HTTP/1.1 400 Bad Request\r\n" + 100 * b" ",
        b"\xff" * 100,
        b"\x20\x00",
        b"\x20\x02\x00\x07",
        CONNACK + b"\x90\x00",
        CONNACK + b"\x40\x01\x00",
        CONNACK + b"\x32\x02\xff\xff",
        CONNACK + b"\x30\x04\x00\x02\xff\xfe",
        CONNACK + b"\xe0\x00",
    ],
    ids=lambda nonsense: nonsense[:12].hex(),
)
def test_what_no_broker_would_say_ends_no_more_than_the_connection(nonsense):
    with Sham(nonsense) as address, Client(address, "device", "cmd", waits=False) as device:
        device.wait(lambda: len(device.reasons) >= 2)
        assert device.connections == 0
        assert device.session.alive


@pytest.mark.slow
def test_a_silent_broker_is_given_up():
    with Sham() as address, Client(address, "device", waits=False) as device:
        device.wait(lambda: device.reasons)
        assert device.reasons[0] == "the broker did not answer within 20 s"


def test_why_there_is_no_connection_is_told_without_secrets(tmp_path):
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("needs mosquitto")
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "anna", "right"], check=True)
    with Broker(tmp_path / "broker", settings=(f"password_file {passwords}",)) as broker:
        anna = {"username": "anna", "password": "wrong"}
        for address in (broker.address(**anna), broker.address(version="3.1.1", **anna)):
            reason = reason_at(address)
            assert reason.startswith("the broker refuses the connection: Not authorized; check")
            assert "wrong" not in reason
        with Client(broker.address(**{**anna, "password": "right"}), "device") as device:
            assert device.connections == 1


def test_a_port_where_nobody_listens_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        reason = reason_at(Address("127.0.0.1", port, jitter_s=0))
    assert reason == f"nobody listens at 127.0.0.1:{port}; check host and port"


def reason_at(address):
    with Client(address, "device", waits=False) as device:
        device.wait(lambda: device.reasons)
        assert device.connections == 0
        assert device.reasons[0] == device.session.reason
        return device.reasons[0]


def test_a_name_without_an_address_is_told_and_tried_again():
    address = Address("nowhere.invalid", 1883, jitter_s=0)
    with Client(address, "device", waits=False) as device:
        device.wait(lambda: len(device.reasons) >= 2)
        assert device.reasons[0].startswith("nowhere.invalid")
        assert device.session.alive
